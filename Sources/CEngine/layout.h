// Offsets into struct persona_thread that assembly uses; runtime.c checks them.
#define THREAD_BYTES 262144
#define THREAD_PENDING 24
