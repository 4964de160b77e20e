/** Where the relay listens: `[[listener]]`, or what `[smtp] listen` stands for. */
import type { ListenerSettings, Settings } from "./sections.ts";

/** A listener with its client rules file; "" for none. */
export type ListenerPlan = ListenerSettings & { readonly rules: string };

/** `[[listener]]`, or the one that `[smtp] listen` stands for. */
export function listenersOf(settings: Settings): readonly ListenerPlan[] {
  if (settings.listener.length > 0) {
    return settings.listener.map((listener) => ({ ...listener, rules: listener.rules || settings.clients.rules }));
  }
  const { listen } = settings.smtp;
  return [
    {
      name: "smtp",
      listen,
      tls: "starttls",
      auth: false,
      proxy_from: [],
      xclient_from: [],
      xclient_login: false,
      rules: settings.clients.rules,
      variables: {},
      checks: undefined,
    },
  ];
}

/** How many connections there may be at a time, as configured. */
export function wantedConnections(settings: Settings): { readonly sessions: number; readonly lookups: number } {
  const isListening = listenersOf(settings).some(({ listen }) => listen.length > 0);
  return {
    sessions: isListening ? settings.smtp.max_connections : 0,
    lookups: settings.lookup.reduce((sum, { max_connections: most }) => sum + most, 0),
  };
}
