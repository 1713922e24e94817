/**
 * Assembler text for generated guests: the 8259 pair set up as PCs have it (vectors 20h and 28h, edge triggered), then
 * the two masks, a set bit for each line that is not wanted. Uses AL. 8259A data sheet, initialisation command words.
 */
export function startControllers(firstMask: number, secondMask: number): string {
  const writes: readonly (readonly [number, readonly string[]])[] = [
    [0x11, ['0x20', '0xa0']],
    [0x20, ['0x21']],
    [0x28, ['0xa1']],
    [4, ['0x21']],
    [2, ['0xa1']],
    [1, ['0x21', '0xa1']],
    [firstMask, ['0x21']],
    [secondMask, ['0xa1']],
  ];
  return writes
    .map(([value, ports]) => [`mov al, ${value}`, ...ports.map((port) => `out ${port}, al`)].join('\n'))
    .join('\n');
}
