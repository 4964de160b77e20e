/**
 * Clients in all and by network. One crowd is shared by all listeners of a process, as they share its descriptors: a
 * client counts from the start of its session, or of its handshake, until its socket is closed. Other workers' clients
 * are known as of a moment ago, see neighbours.ts.
 */

export class Crowd {
  readonly #perClient = new Map<string, number>();
  #size = 0;
  #hasChanged = false;
  #othersSize = 0;
  #others = new Map<string, number>();

  /** All of this process. */
  get size(): number {
    return this.#size;
  }

  /** All of all workers. */
  get total(): number {
    return this.#size + this.#othersSize;
  }

  /** Those of one network in this process, see mail/client-network.ts. */
  of(client: string): number {
    return this.#perClient.get(client) ?? 0;
  }

  /** Those of one network in all workers. */
  totalOf(client: string): number {
    return this.of(client) + (this.#others.get(client) ?? 0);
  }

  /** One more. */
  enter(client: string): void {
    this.#size += 1;
    this.#hasChanged = true;
    this.#perClient.set(client, this.of(client) + 1);
  }

  /** One less. */
  leave(client: string): void {
    this.#size -= 1;
    this.#hasChanged = true;
    const count = this.of(client) - 1;
    if (count > 0) {
      this.#perClient.set(client, count);
    } else {
      this.#perClient.delete(client);
    }
  }

  /** Whether anything has changed since this was last asked. */
  takeChange(): boolean {
    const hasChanged = this.#hasChanged;
    this.#hasChanged = false;
    return hasChanged;
  }

  /** The networks with the most clients. */
  largest(most: number): (readonly [client: string, count: number])[] {
    const all = [...this.#perClient];
    return all.length <= most ? all : all.sort(([, one], [, two]) => two - one).slice(0, most);
  }

  /** Takes what the other workers have, in place of what was known. */
  hearOthers(
    others: readonly { readonly size: number; readonly clients: readonly (readonly [string, number])[] }[],
  ): void {
    this.#othersSize = others.reduce((sum, { size }) => sum + size, 0);
    this.#others = new Map();
    for (const [client, count] of others.flatMap(({ clients }) => clients)) {
      this.#others.set(client, (this.#others.get(client) ?? 0) + count);
    }
  }
}
