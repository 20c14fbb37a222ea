// Ports of the home's host for those ways that do not ask by HTTP over TCP: WebTransport, STUN and
// TURN. Each cell has a port of its own, because what arrives there does not say who sent it. The
// gate is for every port of a host.
import dgram from "node:dgram";
import net from "node:net";
import { once } from "node:events";

const WAYS = ["webtransport", "dedicated-webtransport", "nested-webtransport", "shared-webtransport", "rtc-stun", "rtc-turn"];

/** A port that is free for both. */
async function pair(note) {
    const tcp = net.createServer((socket) => {
        socket.on("error", () => {});
        socket.once("data", () => (note(), socket.destroy()));
    });
    tcp.listen(0, "127.0.0.1");
    await once(tcp, "listening");
    const { port } = tcp.address();
    const udp = dgram.createSocket("udp4").on("message", note);
    udp.bind(port, "127.0.0.1");
    try {
        await once(udp, "listening");
    } catch {
        tcp.close();
        return pair(note);
    }
    return { port, servers: [tcp, udp] };
}

/** `of(who)`: the port for each such way. `seen`: the cells, as `who.way`, at whose port something arrived. */
export async function portsFor(everybody) {
    const ports = Object.fromEntries(everybody.map((who) => [who, {}]));
    const open = [];
    const seen = new Set();
    for (const who of everybody) {
        for (const way of WAYS) {
            const note = () => void seen.add(`${who}.${way}`);
            const { port, servers } = await pair(note);
            open.push(...servers);
            ports[who][way] = port;
        }
    }
    return {
        of: (who) => ports[who],
        seen,
        stop: () => open.forEach((one) => one.close()),
    };
}
