/*
 * A kernel in C for the tests of debugging by line: a sum over a list, a recursion, structures, and an end by the
 * debug-exit port. It is multiboot 1 and built by kernel.ts; the tests find its lines by the marks behind them.
 */
typedef unsigned int word;

struct item {
    const char *name;
    int amount;
    word is_taken : 1;
    word weight : 7;
    struct item *next;
};

enum mood { CALM = 3, HASTY = 5 };

static struct item items[3] = {
    { "apple", 10, 1, 17, 0 },
    { "pear", 20, 0, 33, 0 },
    { "plum", 30, 1, 65, 0 },
};

struct item *head;
int total;
enum mood mood = HASTY;
static char line[8];

static int factorial(int n)
{
    if (n <= 1) /* mark: base */
        return 1;
    return n * factorial(n - 1); /* mark: recursion */
}

static int add(int a, int b)
{
    int sum = a + b; /* mark: add */
    return sum; /* mark: added */
}

static void link_items(void)
{
    for (int i = 0; i < 3; i++) { /* mark: link */
        items[i].next = head;
        head = &items[i]; /* mark: linked */
    }
}

static void put(char c)
{
    __asm__ volatile("outb %0, %1" : : "a"(c), "Nd"((unsigned short)0x3f8));
}

void kernel_main(void)
{
    int count = 0; /* mark: begin */
    link_items(); /* mark: call link */
    for (struct item *each = head; each != 0; each = each->next) {
        total = add(total, each->amount); /* mark: call add */
        count++; /* mark: counted */
    }
    total += factorial(4); /* mark: call factorial */
    line[0] = (char)('0' + count); /* mark: line */
    put(line[0]);
    if (total < 0)
        put('-'); /* mark: never */
    __asm__ volatile("outb %0, %1" : : "a"((char)0x10), "Nd"((unsigned short)0xf4)); /* mark: end */
    for (;;)
        ;
}

/* The header of multiboot 1, and a stack to begin with. */
__asm__(
    ".section .multiboot, \"a\"\n"
    ".long 0x1badb002, 3, -(0x1badb002 + 3)\n"
    ".text\n"
    ".globl _start\n"
    "_start:\n"
    "    movl $stack_top, %esp\n"
    "    xorl %ebp, %ebp\n"
    "    call kernel_main\n"
    ".bss\n"
    ".balign 16\n"
    ".skip 16384\n"
    "stack_top:\n"
    ".text\n");
