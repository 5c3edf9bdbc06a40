// The program itself, filled with the demo, in a folder that goes away.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

/** Mail goes on; nobody is asked about its senders, as there is no DNS. */
const CONFIG = '[relay]\nhostname = "mx.example.org"\ncheck_senders = false\n';

/** Starts `everpost up --demo` on free ports; with the accounts that it made. */
export async function program(path, messages = 2000) {
  const folder = await mkdtemp(join(tmpdir(), 'everpost-console-'));
  const ready = join(folder, 'ready.json');
  const config = join(folder, 'everpost.toml');
  await writeFile(config, CONFIG);
  const child = spawn(
    path,
    ['--data', join(folder, 'data'), '--json', 'up', '--demo', '--messages', String(messages),
      '--config', config, '--listen', 'https=127.0.0.1:0', '--listen', 'mx=127.0.0.1:0', '--ready-file', ready],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const said = [];
  child.stderr.on('data', (bytes) => said.push(String(bytes)));
  const accounts = {};
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { account, roles, password } = JSON.parse(line);
    if (account) for (const role of roles) accounts[role] = { address: account, password };
  });
  const ended = new Promise((done) => { child.on('exit', done); });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  while (!existsSync(ready)) {
    if (child.exitCode !== null) {
      await stop();
      throw new Error(`${path} up ended with ${child.exitCode}: ${said.join('')}`);
    }
    await pause(50);
  }
  const { listeners } = JSON.parse(await readFile(ready, 'utf8'));
  return { address: `https://${listeners.https}`, mx: listeners.mx, accounts, said, stop };
}
