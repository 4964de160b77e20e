/** The live memory of a running Node, in bytes: what is left after a full collection. By its inspector. */

/** Asks a process that was started with `--inspect`. @param url what it printed, `ws://…` */
export async function liveHeap(url: string): Promise<number> {
  const socket = new WebSocket(url);
  const signal = AbortSignal.timeout(30_000);
  const answers = new Map<number, (result: unknown) => void>();
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id: number; result: unknown };
    answers.get(id)?.(result);
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error(`Cannot reach the inspector at ${url}`)));
  });
  let last = 0;
  const ask = (method: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error(`No answer to ${method}`)));
      answers.set(++last, resolve);
      socket.send(JSON.stringify({ id: last, method }));
    });
  try {
    await ask("HeapProfiler.collectGarbage");
    const { usedSize } = (await ask("Runtime.getHeapUsage")) as { readonly usedSize: number };
    return usedSize;
  } finally {
    socket.close();
  }
}
