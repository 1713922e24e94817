/*
 * The host processor as a witness for the floating point library: reads fixed-size requests on stdin, runs one
 * x87 or SSE instruction for each, writes fixed-size answers on stdout. Build: gcc -O1 -m32 -msse3 (see native.ts,
 * which holds the same operation numbers). It knows nothing of the expected results and judges nothing.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

struct request {
  uint16_t operation;
  uint16_t control_word;
  uint32_t mxcsr;
  uint16_t condition_codes; /* status word bits to start with; 0 leaves those of FNINIT */
  uint16_t reserved[3];
  uint8_t a[16]; /* ST(0), or the destination operand of an SSE instruction */
  uint8_t b[16]; /* ST(1), or the memory operand, or the source operand of an SSE instruction */
};

struct answer {
  uint8_t st0[16]; /* ST(0) after the instruction, or the SSE destination */
  uint8_t st1[16];
  uint8_t memory[16];
  uint16_t status_word;
  uint16_t tag_word;
  uint32_t eflags;
  uint32_t mxcsr;
  uint32_t fault;
};

static struct request q;
static struct answer r;
static uint8_t save[108] __attribute__((aligned(16)));
static uint8_t environment[28];
static uint8_t memory[16] __attribute__((aligned(16)));
static uint8_t xa[16] __attribute__((aligned(16)));
static uint8_t xb[16] __attribute__((aligned(16)));
static uint16_t control;
static uint32_t eflags, mxcsr_in, mxcsr_out, integer_out;
static const uint32_t mxcsr_default = 0x1f80;
static sigjmp_buf escape;

static void on_fpe(int number, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  (void)number;
  (void)info;
  /* Behind the 112-byte FSAVE area of a 32-bit frame lies the FXSAVE image; MXCSR is its bytes 24 to 27. */
  memcpy(&r.mxcsr, (uint8_t *)u->uc_mcontext.fpregs + 112 + 24, 4);
  r.fault = 1;
  siglongjmp(escape, 1);
}

static void x87_begin(int loads) {
  __asm__ volatile("fninit");
  if (loads > 1) __asm__ volatile("fldt %0" ::"m"(q.b));
  if (loads > 0) __asm__ volatile("fldt %0" ::"m"(q.a));
  control = q.control_word;
  if (q.condition_codes) {
    __asm__ volatile("fnstenv %0" : "=m"(environment));
    memcpy(environment, &control, 2);
    uint16_t status;
    memcpy(&status, environment + 4, 2);
    status = (status & ~0x4700) | (q.condition_codes & 0x4700);
    memcpy(environment + 4, &status, 2);
    __asm__ volatile("fldenv %0" ::"m"(environment));
  } else {
    __asm__ volatile("fldcw %0" ::"m"(control));
  }
}

static void x87_end(void) {
  __asm__ volatile("fnsave %0" : "=m"(save));
  memcpy(r.st0, save + 28, 10);
  memcpy(r.st1, save + 38, 10);
  memcpy(&r.status_word, save + 4, 2);
  memcpy(&r.tag_word, save + 8, 2);
  r.eflags = eflags;
  memcpy(r.memory, memory, 16);
}

#define X87(number, loads, text)                                   \
  case number:                                                     \
    x87_begin(loads);                                              \
    __asm__ volatile(text : "+m"(memory) : : "memory", "cc", "ax"); \
    x87_end();                                                     \
    break;

#define X87_FLAGS(number, text)                                                                             \
  case number:                                                                                              \
    x87_begin(2);                                                                                           \
    __asm__ volatile("pushl $0x8d7\n popfl\n " text "\n pushfl\n popl %0" : "=r"(eflags) : : "memory", "cc"); \
    x87_end();                                                                                              \
    break;

#define SSE(number, text)                                                                                              \
  case number:                                                                                                         \
    mxcsr_in = q.mxcsr;                                                                                                \
    __asm__ volatile("movaps %1, %%xmm0\n movaps %2, %%xmm1\n ldmxcsr %3\n " text                                      \
                     "\n stmxcsr %4\n ldmxcsr %5\n movaps %%xmm0, %0"                                                  \
                     : "=m"(xa)                                                                                        \
                     : "m"(xa), "m"(xb), "m"(mxcsr_in), "m"(mxcsr_out), "m"(mxcsr_default)                             \
                     : "memory", "xmm0", "xmm1");                                                                      \
    memcpy(r.st0, xa, 16);                                                                                             \
    r.mxcsr = mxcsr_out;                                                                                               \
    break;

#define SSE_FLAGS(number, text)                                                                                        \
  case number:                                                                                                         \
    mxcsr_in = q.mxcsr;                                                                                                \
    __asm__ volatile("movaps %1, %%xmm0\n movaps %2, %%xmm1\n ldmxcsr %3\n pushl $0x8d7\n popfl\n " text               \
                     "\n pushfl\n popl %0\n stmxcsr %4\n ldmxcsr %5"                                                   \
                     : "=r"(eflags)                                                                                    \
                     : "m"(xa), "m"(xb), "m"(mxcsr_in), "m"(mxcsr_out), "m"(mxcsr_default)                             \
                     : "memory", "cc", "xmm0", "xmm1");                                                                \
    r.eflags = eflags;                                                                                                 \
    r.mxcsr = mxcsr_out;                                                                                               \
    break;

/* The result goes to EAX; only the source operand (b) is used. */
#define SSE_TO_INTEGER(number, text)                                                                                   \
  case number:                                                                                                         \
    mxcsr_in = q.mxcsr;                                                                                                \
    integer_out = 0xcccccccc;                                                                                          \
    __asm__ volatile("movaps %1, %%xmm1\n ldmxcsr %2\n " text "\n stmxcsr %3\n ldmxcsr %4"                             \
                     : "=a"(integer_out)                                                                               \
                     : "m"(xb), "m"(mxcsr_in), "m"(mxcsr_out), "m"(mxcsr_default)                                      \
                     : "memory", "xmm1");                                                                              \
    memcpy(r.st0, &integer_out, 4);                                                                                    \
    r.mxcsr = mxcsr_out;                                                                                               \
    break;

static void run(void) {
  switch (q.operation) {
    X87(0, 2, "fadd %%st(1),%%st")
    X87(1, 2, "fsub %%st(1),%%st")
    X87(2, 2, "fmul %%st(1),%%st")
    X87(3, 2, "fdiv %%st(1),%%st")
    X87(4, 1, "fsqrt")
    X87(5, 2, "fprem")
    X87(6, 2, "fprem1")
    X87(7, 1, "frndint")
    X87(8, 2, "fscale")
    X87(9, 1, "fxtract")
    X87(10, 2, "fcom %%st(1)")
    X87(11, 2, "fucom %%st(1)")
    X87_FLAGS(12, "fcomi %%st(1),%%st")
    X87_FLAGS(13, "fucomi %%st(1),%%st")
    X87(14, 1, "ftst")
    X87(15, 1, "fxam")
    X87(16, 2, "fsubr %%st(1),%%st")
    X87(17, 2, "fdivr %%st(1),%%st")
    X87(18, 1, "fabs")
    X87(19, 1, "fchs")
    X87(20, 0, "flds %0")
    X87(21, 0, "fldl %0")
    X87(22, 0, "filds %0")
    X87(23, 0, "fildl %0")
    X87(24, 0, "fildll %0")
    X87(25, 0, "fbld %0")
    X87(26, 1, "fsts %0")
    X87(27, 1, "fstl %0")
    X87(28, 1, "fists %0")
    X87(29, 1, "fistl %0")
    X87(30, 1, "fistpll %0")
    X87(31, 1, "fisttps %0")
    X87(32, 1, "fisttpl %0")
    X87(33, 1, "fisttpll %0")
    X87(34, 1, "fbstp %0")
    X87(40, 1, "fadds %0")
    X87(41, 1, "fsubs %0")
    X87(42, 1, "fmuls %0")
    X87(43, 1, "fdivs %0")
    X87(44, 1, "faddl %0")
    X87(45, 1, "fsubl %0")
    X87(46, 1, "fmull %0")
    X87(47, 1, "fdivl %0")
    X87(48, 1, "fcoms %0")
    X87(49, 1, "fcoml %0")
    X87(50, 1, "fdivrs %0")
    X87(51, 1, "fsubrl %0")
    X87(52, 1, "fiadds %0")
    X87(53, 1, "fidivl %0")
    X87(60, 0, "fld1")
    X87(61, 0, "fldl2t")
    X87(62, 0, "fldl2e")
    X87(63, 0, "fldpi")
    X87(64, 0, "fldlg2")
    X87(65, 0, "fldln2")
    X87(66, 0, "fldz")
    X87(70, 1, "fsin")
    X87(71, 1, "fcos")
    X87(72, 1, "fsincos")
    X87(73, 1, "fptan")
    X87(74, 2, "fpatan")
    X87(75, 1, "f2xm1")
    X87(76, 2, "fyl2x")
    X87(77, 2, "fyl2xp1")

    SSE(100, "addss %%xmm1,%%xmm0")
    SSE(101, "subss %%xmm1,%%xmm0")
    SSE(102, "mulss %%xmm1,%%xmm0")
    SSE(103, "divss %%xmm1,%%xmm0")
    SSE(104, "sqrtss %%xmm1,%%xmm0")
    SSE(105, "minss %%xmm1,%%xmm0")
    SSE(106, "maxss %%xmm1,%%xmm0")
    SSE(107, "rcpss %%xmm1,%%xmm0")
    SSE(108, "rsqrtss %%xmm1,%%xmm0")
    SSE(110, "cmpss $0,%%xmm1,%%xmm0")
    SSE(111, "cmpss $1,%%xmm1,%%xmm0")
    SSE(112, "cmpss $2,%%xmm1,%%xmm0")
    SSE(113, "cmpss $3,%%xmm1,%%xmm0")
    SSE(114, "cmpss $4,%%xmm1,%%xmm0")
    SSE(115, "cmpss $5,%%xmm1,%%xmm0")
    SSE(116, "cmpss $6,%%xmm1,%%xmm0")
    SSE(117, "cmpss $7,%%xmm1,%%xmm0")
    SSE_FLAGS(118, "comiss %%xmm1,%%xmm0")
    SSE_FLAGS(119, "ucomiss %%xmm1,%%xmm0")
    SSE(120, "addsd %%xmm1,%%xmm0")
    SSE(121, "subsd %%xmm1,%%xmm0")
    SSE(122, "mulsd %%xmm1,%%xmm0")
    SSE(123, "divsd %%xmm1,%%xmm0")
    SSE(124, "sqrtsd %%xmm1,%%xmm0")
    SSE(125, "minsd %%xmm1,%%xmm0")
    SSE(126, "maxsd %%xmm1,%%xmm0")
    SSE(130, "cmpsd $0,%%xmm1,%%xmm0")
    SSE(131, "cmpsd $1,%%xmm1,%%xmm0")
    SSE(132, "cmpsd $2,%%xmm1,%%xmm0")
    SSE(133, "cmpsd $3,%%xmm1,%%xmm0")
    SSE(134, "cmpsd $4,%%xmm1,%%xmm0")
    SSE(135, "cmpsd $5,%%xmm1,%%xmm0")
    SSE(136, "cmpsd $6,%%xmm1,%%xmm0")
    SSE(137, "cmpsd $7,%%xmm1,%%xmm0")
    SSE_FLAGS(138, "comisd %%xmm1,%%xmm0")
    SSE_FLAGS(139, "ucomisd %%xmm1,%%xmm0")
    SSE(140, "cvtss2sd %%xmm1,%%xmm0")
    SSE(141, "cvtsd2ss %%xmm1,%%xmm0")
    SSE_TO_INTEGER(142, "cvtss2si %%xmm1,%%eax")
    SSE_TO_INTEGER(143, "cvttss2si %%xmm1,%%eax")
    SSE_TO_INTEGER(144, "cvtsd2si %%xmm1,%%eax")
    SSE_TO_INTEGER(145, "cvttsd2si %%xmm1,%%eax")
    SSE(146, "cvtdq2ps %%xmm1,%%xmm0")
    SSE(147, "cvtdq2pd %%xmm1,%%xmm0")
    SSE(150, "addps %%xmm1,%%xmm0")
    SSE(151, "divps %%xmm1,%%xmm0")
    SSE(152, "mulpd %%xmm1,%%xmm0")
    SSE(153, "cvtps2dq %%xmm1,%%xmm0")
    SSE(154, "cvtpd2ps %%xmm1,%%xmm0")
    SSE(155, "haddps %%xmm1,%%xmm0")
    SSE(156, "addsubps %%xmm1,%%xmm0")
    SSE(157, "rcpps %%xmm1,%%xmm0")
    SSE(158, "rsqrtps %%xmm1,%%xmm0")
    SSE(159, "cmpltps %%xmm1,%%xmm0")
    default:
      r.fault = 0xffffffff;
  }
}

int main(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_fpe;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGFPE, &action, 0);
  static char in_buffer[1 << 20], out_buffer[1 << 20];
  setvbuf(stdin, in_buffer, _IOFBF, sizeof in_buffer);
  setvbuf(stdout, out_buffer, _IOFBF, sizeof out_buffer);
  while (fread(&q, sizeof q, 1, stdin) == 1) {
    memset(&r, 0, sizeof r);
    eflags = 0;
    memcpy(memory, q.b, 16);
    memcpy(xa, q.a, 16);
    memcpy(xb, q.b, 16);
    if (sigsetjmp(escape, 0) == 0) {
      run();
    } else {
      __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr_default));
      memcpy(r.st0, q.a, 16);
    }
    if (fwrite(&r, sizeof r, 1, stdout) != 1) return 1;
  }
  return 0;
}
