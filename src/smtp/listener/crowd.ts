/**
 * Clients in all and by network. One crowd is shared by all listeners of a process, as they share its descriptors: a
 * client counts from the start of its session, or of its handshake, until its socket is closed.
 */
import { clientNetwork } from "../../mail/client-network.ts";
import { normalIp } from "../../mail/network.ts";

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

/** Whom a socket's address counts for: an IPv4 address, or a /64. */
export function clientOf(socket: { readonly remoteAddress?: string | undefined }): string {
  return clientNetwork(normalIp(socket.remoteAddress ?? ""));
}
