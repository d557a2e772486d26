"""A complete client with nothing but Python's standard library: a callback server on threads, and a connection that calls.

Run: python3 client.py HOST PORT ID, then commands on stdin, one a line: `say TEXT`, `who`, `fail`, `leave`.
stdout has one JSON object a line: {"joined": ...}, {"heard": ...}, {"said": ...}, {"who": ...}, {"failed": ...}, {"left": ...}.
"""
import itertools
import json
import socket
import socketserver
import sys
import threading

printing = threading.Lock()


def show(**fact):
    with printing:
        print(json.dumps(fact), flush=True)


class Callback(socketserver.StreamRequestHandler):
    """What the server calls: one line in, one line out, for as long as it likes."""

    def handle(self):
        for line in self.rfile:
            call = json.loads(line)
            answer = {"jsonrpc": "2.0", "id": call.get("id")}
            if call["method"] == "ClientCallback.ReceiveMessage":
                show(heard=call["params"]["Message"])
                answer["result"] = {"Success": True}
            else:
                answer["error"] = {"code": -32601, "message": "Method not found"}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class CallbackServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


class Server:
    """The chat server, as one connection that is called one call at a time."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=10)
        self.lines = self.socket.makefile("rw", encoding="utf-8", newline="\n")
        self.ids = itertools.count(1)

    def call(self, method, **params):
        request = {"jsonrpc": "2.0", "id": next(self.ids), "method": method, "params": params}
        self.lines.write(json.dumps(request) + "\n")
        self.lines.flush()
        answer = json.loads(self.lines.readline())
        assert answer["id"] == request["id"], answer
        if "error" in answer:
            raise RuntimeError(f'{answer["error"]["code"]} {answer["error"]["data"]["Reason"]}')
        return answer["result"]


def main(host, port, me):
    callbacks = CallbackServer((socket.gethostbyname(host), 0), Callback)
    threading.Thread(target=callbacks.serve_forever, daemon=True).start()
    server = Server(host, int(port))
    show(joined=server.call("ChatServer.Register", ID=me, Name=me, Callback=f":{callbacks.server_address[1]}"))
    for line in sys.stdin:
        command, _, text = line.rstrip("\n").partition(" ")
        if command == "say":
            show(said=server.call("ChatServer.SendMessage", UserID=me, Text=text))
        elif command == "who":
            show(who=server.call("ChatServer.ListUsers", UserID=me)["Users"])
        elif command == "fail":
            try:
                server.call("ChatServer.SendMessage", UserID=text, Text="not me")
            except RuntimeError as error:
                show(failed=str(error))
        elif command == "leave":
            show(left=server.call("ChatServer.Unregister", ID=me))
            return


main(*sys.argv[1:])
