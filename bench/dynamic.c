// The least that a dynamic program does: its run-time linker's work, and the end.
int main(void) { return 0; }
