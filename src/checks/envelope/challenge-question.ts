/** The questions of challenge, and the answers to them: sums in words, which a person reads out and a form letter does not. */
import { randomBytes, randomInt } from "node:crypto";

export type Language = "en" | "de";

const words: Readonly<Record<Language, readonly string[]>> = {
  en: ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
  de: ["zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf"],
};
const texts: Readonly<Record<Language, { readonly subject: string; readonly lines: string }>> = {
  en: {
    subject: "Your message to {recipient}: a question",
    lines: `Your mail server asked to deliver a message from you to {recipient},
who takes mail only from known senders. The message waits at your server.

So that it is accepted, please answer this mail and write the number:

    {question}

Leave the subject as it is. You are asked only once. If you have sent no
such message, please ignore this mail; nobody will send you another today.`,
  },
  de: {
    subject: "Ihre Nachricht an {recipient}: eine Frage",
    lines: `Ihr Mailserver wollte eine Nachricht von Ihnen an {recipient} zustellen.
Dort werden nur bekannte Absender angenommen. Die Nachricht wartet auf
Ihrem Server.

Damit sie angenommen wird, antworten Sie bitte auf diese Mail mit der Zahl:

    {question}

Lassen Sie den Betreff, wie er ist. Sie werden nur einmal gefragt. Wenn Sie
keine solche Nachricht geschickt haben, beachten Sie diese Mail nicht; heute
kommt keine weitere.`,
  },
};
/** Numbers of an answer that are looked at: who writes down all of them does not answer. */
const mostNumbers = 12;

/** A question, as it is sent. */
export interface ChallengeQuestion {
  /** In the subject of the answer. */
  readonly token: string;
  readonly answer: number;
  readonly subject: string;
  readonly lines: readonly string[];
}

/** Makes one by chance. @param template the administrator's text, with {recipient} and {question}; undefined: goodmailto's */
export function makeQuestion(language: Language, recipient: string, template: string | undefined): ChallengeQuestion {
  const [one, other] = [randomInt(words.en.length), randomInt(words.en.length)];
  const sum = { en: "plus", de: "plus" }[language];
  const question = `${words[language][one]} ${sum} ${words[language][other]} = ?`;
  const token = randomBytes(6).toString("hex");
  const fill = (text: string): string => text.replaceAll("{recipient}", recipient).replaceAll("{question}", question);
  return {
    token,
    answer: one + other + 4,
    subject: `${fill(texts[language].subject)} [${token}]`,
    lines: fill(template ?? texts[language].lines).split("\n"),
  };
}

/** The token in the subject of an answer. */
export function tokenOf(subject: string): string | undefined {
  return /\[([0-9a-f]{12})\]/.exec(subject)?.[1];
}

/** Whether a text holds the number, in what its author wrote; undefined: it holds none. */
export function isAnswer(text: string, answer: number): boolean | undefined {
  const own = text.split(/\r?\n/).filter((line) => !line.startsWith(">"));
  const numbers = (own.join("\n").match(/\b\d{1,6}\b/g) ?? []).slice(0, mostNumbers).map(Number);
  return numbers.length === 0 ? undefined : numbers.includes(answer);
}
