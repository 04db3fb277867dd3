// What the guest's tests stand on: each is run in turn and told to the host, whatever became of the one before.
/** For whoever reads along. */
export const print = (words: string) => void process.stdout.write(`${words}\n`)

/** Runs one test and says how it went. */
export async function test(sentence: string, work: () => Promise<void>): Promise<void> {
  const error = await work().then(
    () => null,
    (error: Error) => error.stack ?? error.message,
  )
  process.stdout.write(`@@${JSON.stringify({ test: sentence, error })}\n`)
}
