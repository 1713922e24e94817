// What a loader says about an image it cannot boot. The message is one sentence for a person: what is
// wrong, what was expected, and the next step. Images are untrusted: whatever their bytes, a loader
// either fills the machine or throws this, and nothing else.

export class BootError extends Error {
  override readonly name = 'BootError';
}
