// A bot as short as Go permits, with nothing but its standard library: whoever says "!shout hello" hears "HELLO".
// The server calls ClientCallback.ReceiveMessage back, the way net/rpc programs have always talked.
// Run: go run examples/bot.go [HOST:PORT]
package main

import (
	"log"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"strings"
)

type Message struct{ Text string }
type Bot struct{ server *rpc.Client }

func (bot Bot) ReceiveMessage(call struct{ Message Message }, reply *struct{ Success bool }) error {
	if text := strings.TrimPrefix(call.Message.Text, "!shout "); text != call.Message.Text {
		said := map[string]string{"UserID": "shout-bot", "Text": strings.ToUpper(text)}
		bot.server.Go("ChatServer.SendMessage", said, new(struct{}), nil)
	}
	reply.Success = true
	return nil
}

func main() {
	conn, err := net.Dial("tcp", append(os.Args[1:], "127.0.0.1:9999")[0])
	check(err)
	listener, err := net.Listen("tcp", net.JoinHostPort(conn.LocalAddr().(*net.TCPAddr).IP.String(), "0"))
	check(err)
	bot := Bot{jsonrpc.NewClient(conn)}
	check(rpc.RegisterName("ClientCallback", bot))
	me := map[string]string{"ID": "shout-bot", "Name": "Shout", "Callback": listener.Addr().String()}
	go func() { check(bot.server.Call("ChatServer.Register", me, new(struct{}))) }()
	for {
		callback, err := listener.Accept()
		check(err)
		go jsonrpc.ServeConn(callback)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
