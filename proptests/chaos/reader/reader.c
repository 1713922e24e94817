// SPDX-License-Identifier: MIT
/*
 * A small program with an overflow on purpose: reads a file of records and adds up what is in them. A record has a
 * kind, a length and so many bytes; those of the kind "name" are copied to the stack, and nobody asks whether they
 * fit, unless it was built with -DSAFE. Without a library, so that it is small and always the same. Built for the
 * Debian guest by fuzz-debian.mjs, which lets fuzz find the overflow, by the file on its disk and by the buffer in its
 * memory.
 */
#define FILE_BYTES 512
#define NAME_BYTES 24
#define MAGIC 0x31434552 /* "REC1" */
#define KIND_NUMBER 0x4e
#define KIND_NAME 0x7a31
#define KIND_END 0xff

unsigned char file[FILE_BYTES];

static int call3(int number, int a, const void *b, int c)
{
	int result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
	return result;
}

#define sys_exit(status) call3(1, status, 0, 0)
#define sys_read(fd, to, size) call3(3, fd, to, size)
#define sys_write(fd, from, size) call3(4, fd, from, size)
#define sys_open(path) call3(5, (int)(path), 0, 0)

static unsigned int word(const unsigned char *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (unsigned int)at[3] << 24;
}

__attribute__((noinline)) static unsigned int hash_name(const unsigned char *from, unsigned int size)
{
	volatile unsigned char name[NAME_BYTES];
	unsigned int i, sum = 0;

#ifdef SAFE
	if (size > NAME_BYTES)
		size = NAME_BYTES;
#endif
	for (i = 0; i < size; i++)
		name[i] = from[i];
	for (i = 0; i < NAME_BYTES; i++)
		sum = sum * 31 + name[i];
	return sum;
}

__attribute__((noinline)) unsigned int parse(void)
{
	unsigned int at = 4, sum = 0;

	if (word(file) != MAGIC)
		return 0;
	while (at + 3 < FILE_BYTES) {
		unsigned int kind = file[at] | file[at + 1] << 8, size = file[at + 2];

		at += 3;
		if (kind == KIND_END || at + size > FILE_BYTES)
			break;
		if (kind == KIND_NUMBER && size == 4)
			sum += word(file + at);
		if (kind == KIND_NAME)
			sum ^= hash_name(file + at, size);
		at += size;
	}
	return sum;
}

__attribute__((force_align_arg_pointer)) void _start(void)
{
	unsigned int sum, i;
	int fd = sys_open("/f/input");
	char text[] = "sum 00000000\n";

	if (fd < 0 || sys_read(fd, file, FILE_BYTES) != FILE_BYTES)
		sys_exit(1);
	sum = parse();
	for (i = 0; i < 8; i++)
		text[4 + i] = "0123456789abcdef"[sum >> (28 - 4 * i) & 15];
	sys_write(1, text, 13);
	sys_exit(0);
}
