// Offsets into struct persona_thread that assembly uses; runtime.c checks them.
#define THREAD_BYTES 262144
#define THREAD_PLACE 133120
#define THREAD_PENDING 24
#define THREAD_WHOLE 28
#define THREAD_STACK 32
// The registers of a patched call, in the order of enum persona_register behind five words of a ucontext.
#define THREAD_PATCHED 64
#define THREAD_REGISTERS 104
#define CONTEXT_REGISTERS 40
#define CONTEXT_STATE 224
#define REGISTER(number) %gs:(THREAD_REGISTERS + 8 * number)
#define REGISTER_BYTE(number, byte) %gs:(THREAD_REGISTERS + 8 * number + byte)
