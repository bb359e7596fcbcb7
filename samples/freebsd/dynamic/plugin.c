// Opened while the program runs: storage of its own, a function of the program's.
extern int program_answer(int);
_Thread_local int plugin_storage = 3;
static char room[20000];
int plugin_work(int value) {
    room[19999] = (char)value;
    return program_answer(value) + plugin_storage++ + room[19999] + room[0];
}
