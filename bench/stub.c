/* A program that ends at once, without libc and its dynamic linker: the least that a process can cost.  x86-64 and aarch64 only; others
 * get a static program of the compiler's (see CMakeLists.txt). */
#if defined(__x86_64__)
__attribute__((noreturn)) void _start(void)
{
    __asm__ volatile("mov $231, %%eax\n\txor %%edi, %%edi\n\tsyscall" ::: "rax", "rdi", "rcx", "r11", "memory");
    __builtin_unreachable();
}
#elif defined(__aarch64__)
__attribute__((noreturn)) void _start(void)
{
    __asm__ volatile("mov x8, #94\n\tmov x0, #0\n\tsvc #0" ::: "x0", "x8", "memory");
    __builtin_unreachable();
}
#else
int main(void)
{
    return 0;
}
#endif
