// SPDX-License-Identifier: MIT
/*
 * A small driver with a race on purpose: events arrive by interrupt line 5, and whoever writes a number to /dev/ledger
 * settles so many times, in process context. Settling reads what is pending, enters it and clears it; an interrupt in
 * between is lost, unless the module is loaded with safe=1, which keeps interrupts out. At the end the books must
 * balance: events that arrived are those that were entered and those still pending. Built for the Debian guest by
 * driver.mjs, which looks for the race.
 */
#include <linux/crc32.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#define LEDGER_LINE 5
#define NOTE_BYTES 96

static bool safe;
module_param(safe, bool, 0444);

static struct {
	unsigned int arrived;
	unsigned int pending;
	unsigned int entered;
	unsigned int seal;
	spinlock_t lock;
	u8 note[NOTE_BYTES];
} ledger;

static irqreturn_t ledger_interrupt(int irq, void *dev)
{
	ledger.arrived++;
	WRITE_ONCE(ledger.pending, READ_ONCE(ledger.pending) + 1);
	return IRQ_HANDLED;
}

static noinline void ledger_settle(void)
{
	unsigned int count = READ_ONCE(ledger.pending);

	ledger.entered += count;
	ledger.seal = crc32_le(ledger.seal, (const u8 *)&ledger.entered, sizeof(ledger.entered));
	WRITE_ONCE(ledger.pending, 0);
}

static noinline void ledger_write_note(unsigned int round)
{
	ledger.note[round % NOTE_BYTES] = round;
	ledger.seal ^= crc32_le(ledger.seal, ledger.note, NOTE_BYTES);
}

static ssize_t ledger_write(struct file *file, const char __user *text, size_t size, loff_t *offset)
{
	unsigned int rounds, round, arrived, accounted;
	unsigned long flags = 0;
	int error = kstrtouint_from_user(text, size, 10, &rounds);

	if (error)
		return error;
	for (round = 0; round < rounds; round++) {
		ledger_write_note(round);
		if (safe)
			spin_lock_irqsave(&ledger.lock, flags);
		ledger_settle();
		if (safe)
			spin_unlock_irqrestore(&ledger.lock, flags);
	}
	local_irq_save(flags);
	arrived = ledger.arrived;
	accounted = ledger.entered + ledger.pending;
	local_irq_restore(flags);
	if (arrived == accounted)
		pr_emerg("ledger: balanced\n");
	else
		pr_emerg("ledger: LOST %u of %u\n", arrived - accounted, arrived);
	return size;
}

static const struct file_operations ledger_operations = {
	.owner = THIS_MODULE,
	.write = ledger_write,
};

static struct miscdevice ledger_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ledger",
	.fops = &ledger_operations,
};

static int __init ledger_init(void)
{
	int error;

	spin_lock_init(&ledger.lock);
	error = request_irq(LEDGER_LINE, ledger_interrupt, 0, "ledger", &ledger);
	if (error)
		return error;
	error = misc_register(&ledger_device);
	if (error)
		free_irq(LEDGER_LINE, &ledger);
	return error;
}

static void __exit ledger_exit(void)
{
	misc_deregister(&ledger_device);
	free_irq(LEDGER_LINE, &ledger);
}

module_init(ledger_init);
module_exit(ledger_exit);
MODULE_DESCRIPTION("A ledger that loses entries");
MODULE_LICENSE("Dual MIT/GPL");
