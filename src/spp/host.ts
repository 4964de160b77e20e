/**
 * The plugins of a session at work: which there are, their environment, and the effects of their commands.
 * State of a session is its plugins' own: nobody else can name it.
 */
import type { CheckSession } from "../hooks/check-session.ts";
import type { Effect } from "../hooks/effect.ts";
import type { Services } from "../hooks/services.ts";
import { pass, refuse } from "../hooks/verdict.ts";
import { printable, reply } from "../mail/reply.ts";
import { readCommand } from "./answer.ts";
import { createConfigReader, noPlugins } from "./config.ts";
import type { ConfigReader, Plugin, PluginHook, Sections } from "./config.ts";
import { Slots } from "../wait/slots.ts";
import type { PluginVerdict } from "./reasons.ts";
import { startPlugin } from "./run.ts";
import type { PluginOutcome } from "./run.ts";

/** The settings of `[spp]`. */
export interface HostSettings {
  readonly config: string;
  readonly home: string;
  /** In ms. */
  readonly timeout: number;
  /** In bytes. */
  readonly max_output: number;
  readonly max_processes: number;
  readonly path: string;
}

interface State {
  readonly sections: Sections;
  /** The last plugin is gone: two of one session never run at once. */
  quiet: Promise<void>;
}

/** Where a session has its state: V8 goes through all of a WeakMap in each collection of young objects. */
const stateOf = Symbol("spp");
type Owner = CheckSession & { [stateOf]?: State };

/** One plugin at one hook of one session. */
interface Turn {
  readonly session: CheckSession;
  readonly state: State;
  readonly hook: PluginHook;
  readonly plugin: Plugin;
}

/**
 * What the server reads once at the start of a session: setting these later is visible to other plugins, and changes
 * nothing else.
 */
const readAtStart: ReadonlySet<string> = new Set(["NOSPP", "SPPCONFFILE", "RELAYCLIENT", "DATABYTES"]);
/** Bounds on what plugins may pile up in a session. */
const maxVariables = 1000;
const maxHeaders = 1000;
const maxLate = 100;
/** Lines of standard error that are logged, a run. */
const maxErrors = 100;
/** No plugin of the session runs. */
const atOnce = Promise.resolve();

const unreadable = refuse("failure", reply(421, "4.3.0", "unable to read controls (#4.3.0)"), { close: true });
const relayingDenied = refuse("relaying", reply(550, "5.7.1", "Relaying denied"));

/** Runs the plugins of sessions. */
export class Host {
  readonly #settings: HostSettings;
  readonly #services: Services;
  readonly #read: ConfigReader;
  readonly #slots: Slots;

  constructor(settings: HostSettings, services: Services) {
    this.#settings = settings;
    this.#services = services;
    this.#read = createConfigReader(settings.home, services.now);
    this.#slots = new Slots(settings.max_processes);
  }

  /**
   * Runs the plugins of a hook, one after another; answers at once if there are none. The first call of a session, at
   * the connection hook unless the configuration leaves that out, settles which plugins it has.
   */
  ask(session: CheckSession, hook: PluginHook): PluginVerdict | Promise<PluginVerdict> {
    const owner: Owner = session;
    const state = owner[stateOf] ?? this.#open(owner);
    if (state === undefined) {
      return unreadable;
    }
    const plugins = state.sections[hook];
    return plugins.length === 0 ? pass : this.#section(session, state, hook, plugins);
  }

  /** Reads the session's plugins; undefined if its own file cannot be read. */
  #open(session: Owner): State | undefined {
    const named = session.variables.get("SPPCONFFILE") ?? "";
    const answer = session.has("NOSPP") ? undefined : this.#read(named === "" ? this.#settings.config : named);
    if (answer?.kind === "unreadable" || (answer?.kind === "missing" && named !== "")) {
      const why = answer.kind === "unreadable" ? answer.why : `${named} is missing`;
      this.#services.log.error("spp", "cannot read the plugins file", { session: session.id, why });
      return undefined;
    }
    const sections = answer?.kind === "sections" ? answer.sections : noPlugins;
    session[stateOf] = { sections, quiet: atOnce };
    return session[stateOf];
  }

  async #section(
    session: CheckSession,
    state: State,
    hook: PluginHook,
    plugins: readonly Plugin[],
  ): Promise<PluginVerdict> {
    for (const plugin of plugins) {
      await state.quiet;
      const turn = { session, state, hook, plugin };
      const verdict = this.#verdict(turn, await this.#run(turn));
      if (verdict.kind !== "pass") {
        return verdict;
      }
    }
    return pass;
  }

  async #run(turn: Turn): Promise<PluginOutcome | undefined> {
    const { timeout, max_output: maxOutput, home } = this.#settings;
    const leave = await this.#slots.takeWithin(timeout);
    if (leave === undefined) {
      return undefined;
    }
    const run = startPlugin({
      plugin: turn.plugin,
      home,
      environment: this.#environment(turn),
      timeout,
      maxOutput,
      onLine: (line) => this.#take(turn, line),
      onError: this.#errorLog(turn),
    });
    turn.state.quiet = run.exited.then((late) => {
      leave();
      if (late !== undefined) {
        this.#services.log.warning("spp", "plugin failed after its verdict", { ...facts(turn), why: late });
      }
    });
    return run.answered;
  }

  /**
   * CheckSession variables and PATH; nothing of the relay's own environment, which may hold what is not for plugins.
   */
  #environment({ session }: Turn): Record<string, string> {
    const environment: Record<string, string> = { PATH: this.#settings.path };
    for (const [name, value] of [...session.variables, ...session.toldPlugins]) {
      if (value === undefined) {
        delete environment[name];
      } else {
        environment[name] = value.replaceAll("\0", "");
      }
    }
    return environment;
  }

  #take(turn: Turn, line: string): PluginOutcome | undefined {
    const command = readCommand(line, turn.hook);
    switch (command.kind) {
      case "verdict":
        return command;
      case "fault":
        return { kind: "failure", why: command.why };
      case "ignored":
        this.#ignore(turn, line, command.why);
        return undefined;
      case "effect":
        return this.#apply(turn, command.effect);
    }
  }

  #apply(turn: Turn, effect: Effect): PluginOutcome | undefined {
    if ((effect.kind === "set" || effect.kind === "unset") && readAtStart.has(effect.name)) {
      const value = effect.kind === "set" ? effect.value : undefined;
      turn.session.apply({ kind: "tell-plugins", name: effect.name, value });
    } else if (this.#relays(turn, effect)) {
      return { kind: "verdict", verdict: relayingDenied };
    } else if (isFull(turn.session, effect)) {
      this.#ignore(turn, effect.kind, "too many in this session");
    } else {
      turn.session.apply(effect.kind === "address" ? { ...effect, evenObserved: true } : effect);
    }
    return undefined;
  }

  /** Whether a plugin turns a recipient into a foreign one; qmail-spp does not ask. */
  #relays({ session, hook }: Turn, effect: Effect): boolean {
    if (effect.kind !== "address" || hook !== "rcpt" || session.has("RELAYCLIENT")) {
      return false;
    }
    return this.#services.domains.canonical(effect.mailbox?.domain ?? "") === undefined;
  }

  #ignore(turn: Turn, line: string, why: string | undefined): void {
    if (why !== undefined) {
      this.#services.log.warning("spp", "ignored", { ...facts(turn), line: printable(line), why });
    }
  }

  #errorLog({ session, plugin }: Turn): (line: string) => void {
    let lines = 0;
    return (line) => {
      lines += 1;
      if (lines <= maxErrors) {
        const text = lines === maxErrors ? "(more is not logged)" : printable(line);
        this.#services.log.info(plugin.line, text, { session: session.id });
      }
    };
  }

  #verdict(turn: Turn, outcome: PluginOutcome | undefined): PluginVerdict {
    if (outcome === undefined || outcome.kind === "failure") {
      const why = outcome?.why ?? "too many plugins";
      this.#services.log.warning("spp", "plugin failed", { ...facts(turn), why });
      const text = `qmail-spp failure: ${turn.plugin.line.slice(0, 300)}: ${why} (#4.3.0)`;
      return refuse("failure", reply(451, "4.3.0", text));
    }
    if (outcome.kind === "none") {
      return pass;
    }
    const { verdict } = outcome;
    this.#services.log.debug("spp", "plugin decided", { ...facts(turn), verdict: verdict.kind });
    // At the connection hook a 421 is a greeting that says goodbye, RFC 5321 3.1.
    const goodbye = turn.hook === "connection" && verdict.kind === "refuse" && verdict.reply.code === 421;
    return goodbye ? { ...verdict, close: true } : verdict;
  }
}

/** Who, where, which: for the log. */
function facts({ session, hook, plugin }: Turn): { session: string; hook: string; plugin: string } {
  return { session: session.id, hook, plugin: plugin.line };
}

/** Whether a session holds as much of this as it may. */
function isFull(session: CheckSession, effect: Effect): boolean {
  switch (effect.kind) {
    case "set":
      return session.variables.size >= maxVariables && !session.has(effect.name);
    case "header":
      return session.headers.length >= maxHeaders;
    case "refuse-later":
      return session.late[effect.hook].length >= maxLate;
    case "unset":
    case "tell-plugins":
    case "whitelist":
    case "address":
    case "expand":
    case "options":
    case "each":
    case "redirect":
    case "print":
      return false;
  }
}
