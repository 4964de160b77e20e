/**
 * Clients in all and by network. One crowd is shared by all listeners of a process, as they share its descriptors: a
 * client counts from the start of its session, or of its handshake, until its socket is closed.
 */
export class Crowd {
  readonly #perClient = new Map<string, number>();
  #size = 0;

  /** All of them. */
  get size(): number {
    return this.#size;
  }

  /** Those of one network, see mail/client-network.ts. */
  of(client: string): number {
    return this.#perClient.get(client) ?? 0;
  }

  /** One more. */
  enter(client: string): void {
    this.#size += 1;
    this.#perClient.set(client, this.of(client) + 1);
  }

  /** One less. */
  leave(client: string): void {
    this.#size -= 1;
    const count = this.of(client) - 1;
    if (count > 0) {
      this.#perClient.set(client, count);
    } else {
      this.#perClient.delete(client);
    }
  }
}
