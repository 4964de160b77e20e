/** What a server asks of V8's garbage collector. */
import { setFlagsFromString } from "node:v8";

/**
 * Turns off V8's allocation-site pretenuring. If many objects of a place in the code have outlived a collection, V8
 * allocates those of that place in the old generation from then on, and does not take that back. Until the next full
 * collection such an object keeps the young ones that it refers to alive, and in a session all refer to each other. A
 * process to which that happens needs a third more CPU time per session for the rest of its life.
 */
export function keepObjectsYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}

/**
 * Keeps the code that V8 has compiled. Such code holds the layouts of the objects that it works with weakly: while a
 * server has no session, nothing has them, and V8's collection of an idle process, made to save memory, forgets them and
 * with them the code of some hundred functions. The next sessions would be slow until it is compiled again. Now a layout
 * outlives so many collections without an object, and an idle process is collected as any other is.
 */
export function keepCompiledCode(): void {
  setFlagsFromString("--no-memory-reducer-favors-memory");
  setFlagsFromString("--retain-maps-for-n-gc=100");
}

/**
 * The room for new objects stays as it is. A process that only watches over others fills it slowly: V8 would double it
 * several times all the same, in the course of half an hour.
 */
export function keepRoomForYoung(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}
