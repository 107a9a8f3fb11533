import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A child that is told one JSON line at a time on stdin and answers each with one on stdout. */
export class LineProcess {
  readonly pid: number
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcess, pid: number) {
    if (!child.stdout) throw new Error('the child has no stdout')
    this.#child = child
    // One that is gone gives no answer, which says it.
    child.stdin?.on('error', () => {})
    this.pid = pid
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  /** Starts `script` under this very Node, with `nodeFlags`, in a network namespace where one is named. */
  static async start(
    script: URL,
    args: readonly string[],
    {
      namespace,
      nodeFlags = [],
    }: { readonly namespace?: string; readonly nodeFlags?: readonly string[] } = {},
  ): Promise<LineProcess> {
    const command = [process.execPath, ...nodeFlags, script.pathname, ...args]
    const [program = '', ...rest] = namespace ? ['ip', 'netns', 'exec', namespace, ...command] : command
    const child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child, 'spawn')
    if (child.pid === undefined) throw new Error(`${script.pathname} has no pid`)
    return new LineProcess(child, child.pid)
  }

  async ask<T>(request: object): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`)
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`the child ended instead of answering ${JSON.stringify(request)}`)
    return JSON.parse(value) as T
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.stdin?.end()
    await once(this.#child, 'exit')
  }
}

/** The child's side: answers every line with what `handlers[line.op]` resolves to, until stdin ends. */
export async function answerLines(
  handlers: Readonly<Record<string, (request: never) => Promise<object>>>,
): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as { op: string }
    const handler = handlers[request.op]
    if (!handler) throw new Error(`unknown request ${request.op}`)
    process.stdout.write(`${JSON.stringify(await handler(request as never))}\n`)
  }
}
