/** The checks of one message: what each of them is given, its time, its changes. What they come to is the pipeline's business. */
import type { BodyView, WholeEdits } from "../../hooks/message.ts";
import type { Outcome } from "../../hooks/outcome.ts";
import type { Session } from "../../hooks/session.ts";
import type { Step } from "../../hooks/step.ts";
import { pass } from "../../hooks/verdict.ts";
import type { Answer } from "../../hooks/verdict.ts";
import { unstuffText } from "../../message/dots.ts";
import { HeaderFields } from "../../message/header.ts";
import { MimeReader, treeOfHeader } from "../../message/mime.ts";
import type { MimeTree } from "../../message/mime.ts";
import { relayFault } from "../relayable.ts";
import type { Service } from "../service.ts";
import { Deadline } from "./deadline.ts";
import { Draft } from "./draft.ts";
import type { Changeable } from "./draft.ts";
import { Taps } from "./taps.ts";
import { EditableView, View } from "./views.ts";
import type { Facts, Sources } from "./views.ts";

/** What hook `header` may take, in ms: the client may be held back meanwhile. RFC 5321 4.5.3.2.5. */
const headerTime = 120_000;

export class MessageChecks implements Sources {
  readonly taps: Taps;
  readonly facts: () => Facts;
  readonly #service: Service;
  readonly #session: Session;
  readonly #demanding: readonly Step[];
  readonly #headerDeadline = new Deadline();
  /** Of everything else, from the final dot on. */
  readonly #deadline = new Deadline();
  #changeable: Changeable | undefined;
  #fields: HeaderFields | undefined;
  #tree: Promise<MimeTree> | undefined;
  #reader: MimeReader | undefined;
  #ended: PromiseWithResolvers<void> | undefined;
  #complete = false;

  constructor(service: Service, session: Session, demanding: readonly Step[], facts: () => Facts) {
    this.#service = service;
    this.#session = session;
    this.#demanding = demanding;
    this.facts = facts;
    this.taps = new Taps(
      (step, error) => void service.pipeline.fault(step, "message", session, error),
      service.limits.messageChecks,
    );
  }

  /** The empty line was seen. @param changeable where the header section is held */
  header(changeable: Changeable | undefined): Outcome | Promise<Outcome> {
    this.#changeable = changeable;
    for (const step of this.#demanding) {
      this.#openTap(step);
    }
    const { pipeline, limits } = this.#service;
    const outcome = pipeline.run("header", this.#session, "policy", (step) => this.#askHeader(step));
    if (outcome instanceof Promise) {
      this.#headerDeadline.start(Math.min(headerTime, limits.messageChecks));
    }
    return outcome;
  }

  #openTap(step: Step): void {
    if (step.need !== "tap") {
      return;
    }
    try {
      const tap = step.run.tap?.(this.#session, new View(this, this.#deadline));
      if (tap !== undefined) {
        this.taps.open(step, tap);
      }
    } catch (error) {
      this.#service.pipeline.fault(step, "message", this.#session, error);
    }
  }

  /** From the final dot on. @param time ms for all checks together */
  begin(time: number): void {
    this.#deadline.start(time);
  }

  /** The message is complete. */
  message(): Outcome | Promise<Outcome> {
    this.taps.end();
    this.#complete = true;
    this.#ended?.resolve();
    return this.#service.pipeline.run("message", this.#session, "policy", (step) => this.#askMessage(step));
  }

  /** Nobody waits for an answer any more, or the message is answered. */
  close(): void {
    for (const deadline of [this.#headerDeadline, this.#deadline]) {
      deadline.abort();
      deadline.stop();
    }
    this.taps.abandon();
    this.#reader?.abandon();
    if (!this.#complete) {
      this.#ended?.reject(new Error("The message did not become complete"));
    }
  }

  #askHeader(step: Step): Answer {
    const { need } = step;
    if (step.run.header === undefined || (need !== "header" && !this.#demanding.includes(step))) {
      return pass;
    }
    const run = step.run.header.bind(step.run);
    const edits = need === "edit" || need === "whole";
    // The check was declared for its need, and its types let it do no more: hooks/message.ts.
    return this.#ask(step, edits, this.#headerDeadline, (view) => run(this.#session, view as BodyView & WholeEdits));
  }

  #askMessage(step: Step): Answer {
    const { need } = step;
    if (need !== "header" && !this.#demanding.includes(step)) {
      return pass;
    }
    if (need === "tap") {
      const answer = this.taps.answerOf(step);
      return answer instanceof Promise ? this.#deadline.race(answer) : answer;
    }
    const run = step.run.message?.bind(step.run);
    // As in #askHeader.
    return run === undefined
      ? pass
      : this.#ask(step, need === "whole", this.#deadline, (view) => run(this.#session, view as BodyView & WholeEdits));
  }

  /** Asks a check; its changes count when it has answered. */
  #ask(step: Step, edits: boolean, deadline: Deadline, run: (view: BodyView) => Answer): Answer {
    if (!edits || this.#changeable === undefined) {
      const answer = run(new View(this, deadline));
      return answer instanceof Promise ? deadline.race(answer) : answer;
    }
    const draft = new Draft(this.#changeable, (mailbox) => relayFault(this.#service, this.#session, mailbox));
    const settle = <V>(verdict: V): V => {
      this.#conclude(step, draft);
      return verdict;
    };
    try {
      const answer = run(new EditableView(this, deadline, draft));
      if (!(answer instanceof Promise)) {
        return settle(answer);
      }
      return deadline.race(answer).then(settle, (error: unknown) => {
        draft.discard();
        throw error;
      });
    } catch (error) {
      draft.discard();
      throw error;
    }
  }

  #conclude(step: Step, draft: Draft): void {
    if (step.mode !== "observe") {
      draft.commit();
      return;
    }
    if (draft.changes > 0) {
      const fields = { changes: draft.changes, session: this.#session.id };
      this.#service.log.info(step.label, "observed changes", fields);
    }
    draft.discard();
  }

  /** One for all checks; parsed when the first one looks. */
  get fields(): HeaderFields {
    return (this.#fields ??= new HeaderFields(() => unstuffText(this.facts().header)));
  }

  /** The same. */
  parts(): Promise<MimeTree> {
    return (this.#tree ??= this.#begin());
  }

  #begin(): Promise<MimeTree> {
    const tree = this.#read();
    // A check that asked may have ended before the message broke off.
    tree.catch(() => undefined);
    return tree;
  }

  /** While the message passes, or from where it is held. */
  async #read(): Promise<MimeTree> {
    const held = this.#changeable?.held;
    if (this.#complete && held === undefined) {
      throw new Error("Cannot read the parts of a message that has passed: ask before `tap` returns");
    }
    const alone = treeOfHeader(unstuffText(this.facts().header));
    if (alone !== undefined) {
      return alone;
    }
    const reader = (this.#reader = new MimeReader());
    if (this.#complete && held !== undefined) {
      for await (const content of held.received(this.facts().header)) {
        await reader.take(content);
      }
    } else {
      this.taps.listen(reader);
      this.#ended = Promise.withResolvers<void>();
      await this.#ended.promise;
    }
    return reader.tree();
  }
}
