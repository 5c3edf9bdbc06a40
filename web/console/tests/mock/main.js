// `npm run mock`: the mock for `npm run dev`.
import { mock, PASSWORD } from './server.js';

const { address } = await mock(new URL('../../dist/', import.meta.url).pathname, 8470);
console.log(`mock at ${address}; any address, password "${PASSWORD}"`);
