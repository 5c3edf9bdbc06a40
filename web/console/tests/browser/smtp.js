// Both ends of SMTP for tests: a mail server that is told what to do, and a sender.
import { createConnection, createServer } from 'node:net';
import { createInterface } from 'node:readline';

/** A mail server that takes everything; for `lost@` it hangs up instead of the answer to the message. */
export async function mailServer() {
  const server = createServer((socket) => {
    socket.on('error', () => null);
    const say = (line) => socket.write(`${line}\r\n`);
    let data = false;
    let lost = false;
    say('220 mail.example.org ESMTP');
    createInterface({ input: socket }).on('line', (line) => {
      if (data) {
        if (line !== '.') return;
        data = false;
        if (lost) socket.destroy();
        else say('250 2.0.0 Ok: queued as 4XqZ7k3Vz1');
        return;
      }
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === 'RCPT') lost = /<lost@/i.test(line);
      data = verb === 'DATA';
      say(data ? '354 go on' : verb === 'QUIT' ? '221 bye' : '250 Ok');
    });
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  // A test that fails ends all the same.
  server.unref();
  return {
    address: `127.0.0.1:${server.address().port}`,
    stop: () => new Promise((done) => { server.close(done); }),
  };
}

/** Sends a letter to one recipient; fails if it is not taken. */
export async function post(address, from, to, subject) {
  const [host, port] = address.split(':');
  const socket = createConnection(Number(port), host);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const ask = async (line, wanted) => {
    if (line) socket.write(`${line}\r\n`);
    let answer;
    do {
      answer = (await lines.next()).value ?? 'nothing';
    } while (answer[3] === '-');
    if (!answer.startsWith(wanted)) throw new Error(`${line}: ${answer}`);
  };
  await ask('', '220');
  await ask('EHLO sender.example', '250');
  await ask(`MAIL FROM:<${from}>`, '250');
  await ask(`RCPT TO:<${to}>`, '250');
  await ask('DATA', '354');
  const head = `From: <${from}>\r\nTo: <${to}>\r\nSubject: ${subject}\r\nMessage-ID: <${Date.now()}.${Math.random()}@sender.example>\r\nDate: ${new Date().toUTCString()}\r\n`;
  await ask(`${head}\r\nText.\r\n.`, '250');
  await ask('QUIT', '221');
  socket.destroy();
}
