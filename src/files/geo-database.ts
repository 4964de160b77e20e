/**
 * A MaxMind database of places: read in the background, and again when it is replaced. The last good one stays in use
 * while the file is missing or bad. The package that reads it is loaded with the first database.
 */
import { readFile, stat } from "node:fs/promises";

import type { CityResponse, Reader } from "maxmind";

import { errorCode, errorMessage } from "../report/error-message.ts";
import { versionOf } from "./list-reader.ts";

/** Where an address is. "" if the database does not say it. */
export interface GeoPlace {
  /** The English name. */
  readonly city: string;
  /** ISO 3166-1, two capital letters. */
  readonly country: string;
}

/** Looked at no more often than this, in ms. */
const lookEvery = 1000;
/** GeoLite2-City has some 60 MB, the largest that are sold ten times as much. */
const mostBytes = 2 ** 30;

/** A MaxMind database that is read again when it is replaced. */
export class GeoDatabase {
  readonly #path: () => string;
  readonly #now: () => number;
  readonly #fault: (path: string, why: string) => void;
  #reader: Reader<CityResponse> | undefined;
  #reading: Promise<void> | undefined;
  #version = "";
  #lookedAt = Number.NEGATIVE_INFINITY;
  #complaint = "";

  /**
   * @param path where it is now
   * @param now ms
   * @param fault is called once for each error; a missing file is one
   */
  constructor(path: () => string, now: () => number, fault: (path: string, why: string) => void) {
    this.#path = path;
    this.#now = now;
    this.#fault = fault;
    this.#look();
  }

  /** Where an address is; undefined if that is not known. Waits only while there is no database yet. */
  find(ip: string): GeoPlace | undefined | Promise<GeoPlace | undefined> {
    this.#look();
    return this.#reader === undefined && this.#reading !== undefined
      ? this.#reading.then(() => this.#locate(ip))
      : this.#locate(ip);
  }

  #locate(ip: string): GeoPlace | undefined {
    const entry = this.#reader?.get(ip);
    if (entry === undefined || entry === null) {
      return undefined;
    }
    const { city, country, registered_country: registered } = entry;
    return { city: city?.names.en ?? "", country: country?.iso_code ?? registered?.iso_code ?? "" };
  }

  #look(): void {
    const now = this.#now();
    if (this.#reading !== undefined || (now >= this.#lookedAt && now - this.#lookedAt < lookEvery)) {
      return;
    }
    this.#lookedAt = now;
    const path = this.#path();
    const version = versionOf(path);
    if (version === "") {
      this.#complain(path, "ENOENT");
    } else if (version !== this.#version) {
      // A bad file is not read again until it changes.
      this.#version = version;
      this.#reading = this.#read(path).finally(() => (this.#reading = undefined));
    }
  }

  /** Never rejects. */
  async #read(path: string): Promise<void> {
    try {
      const facts = await stat(path);
      if (!facts.isFile() || facts.size > mostBytes) {
        throw new RangeError(`not a plain file of at most ${mostBytes} bytes`);
      }
      const [{ Reader: MmdbReader }, bytes] = await Promise.all([import("maxmind"), readFile(path)]);
      this.#reader = new MmdbReader<CityResponse>(bytes);
      this.#complaint = "";
    } catch (error) {
      const [code, message] = [errorCode(error), errorMessage(error)];
      this.#complain(path, code || message);
    }
  }

  #complain(path: string, why: string): void {
    if (why !== this.#complaint) {
      this.#complaint = why;
      this.#fault(path, why);
    }
  }
}
