/**
 * The part of the WebAssembly JavaScript API that the core and the tiers may use (WebAssembly JavaScript
 * Interface, sections 5.1 to 5.7). The ES2022 library does not declare it and the DOM library would bring the clock,
 * timers and randomness along with it. Only the synchronous constructors: nothing here returns a promise.
 */
declare namespace WebAssembly {
  interface MemoryDescriptor {
    initial: number;
    maximum?: number;
  }
  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer;
  }
  interface TableDescriptor {
    element: 'anyfunc';
    initial: number;
    maximum?: number;
  }
  class Table {
    constructor(descriptor: TableDescriptor);
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value: unknown): void;
    grow(delta: number): number;
  }
  interface GlobalDescriptor {
    value: 'i32' | 'i64' | 'f32' | 'f64';
    mutable?: boolean;
  }
  class Global {
    constructor(descriptor: GlobalDescriptor, value?: number | bigint);
    value: number | bigint;
  }
  class Module {
    constructor(bytes: Uint8Array | ArrayBuffer);
  }
  // Functions, memories, tables and globals by export name; callers narrow what they take out.
  // biome-ignore lint/suspicious/noExplicitAny: the type of an export is known only to the code that emitted the module
  type Exports = Record<string, any>;
  type Imports = Record<string, Record<string, unknown>>;
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }
  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}
  function validate(bytes: Uint8Array | ArrayBuffer): boolean;
}
