"""A bot in ten lines that needs nothing but Python's standard library: it greets whoever joins.

Run: python3 examples/bot.py [HOST PORT]
"""
import json
import socket
import sys

server = socket.create_connection(sys.argv[1:] or ("127.0.0.1", 9999))
def send(**frame):
    server.sendall(json.dumps({"jsonrpc": "2.0", **frame}).encode() + b"\n")
send(id=1, method="ChatServer.Register", params={"ID": "greeter-bot", "Name": "Greeter", "Callback": "inline"})
for call in map(json.loads, server.makefile(encoding="utf-8", newline="\n")):
    if "error" in call: sys.exit(call["error"]["message"])
    if "method" in call: send(id=call["id"], result={"Success": True})
    message = call.get("params", {}).get("Message", {})
    if message.get("Kind") == "join":
        send(method="ChatServer.SendMessage", params={"UserID": "greeter-bot", "Text": f"Welcome, {message['Name']}!"})
