// The part of npm's v86 that the peers harness uses. The package ships types only for the browser
// build, and without the instruction counter; nothing else of it is declared here. Its reference is
// the package's own documentation of the V86 class.

declare module 'v86' {
  export interface V86Options {
    readonly wasm_path: string;
    readonly memory_size: number;
    /** A multiboot image; or a Linux kernel with its initrd, and the firmware that it is booted by. */
    readonly multiboot?: { readonly buffer: ArrayBuffer };
    readonly bzimage?: { readonly buffer: ArrayBuffer };
    readonly initrd?: { readonly buffer: ArrayBuffer };
    readonly bios?: { readonly buffer: ArrayBuffer };
    readonly vga_bios?: { readonly buffer: ArrayBuffer };
    readonly cmdline?: string;
    readonly autostart: boolean;
    readonly disable_jit: boolean;
    readonly log_level: number;
  }
  export class V86 {
    constructor(options: V86Options);
    add_listener(event: 'serial0-output-byte', listener: (byte: number) => void): void;
    add_listener(event: 'emulator-ready', listener: () => void): void;
    run(): void;
    stop(): Promise<void>;
    destroy(): Promise<void>;
    get_instruction_counter(): number;
  }
}
