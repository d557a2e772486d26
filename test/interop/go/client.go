// A complete client with nothing but Go's net/rpc and net/rpc/jsonrpc, its callback server included.
//
// Run: client HOST:PORT ID, then commands on stdin, one a line: `say TEXT`, `many TEXT` (a hundred, pipelined), `who`, `fail ID`, `unknown`, `leave`.
// stdout has one JSON object a line: {"joined":…}, {"heard":…}, {"said":…}, {"who":…}, {"failed":…}, {"left":…}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"strings"
	"sync"
)

type Message struct {
	SenderID string
	Content  string
	IsSystem bool
	Seq      uint64
	Kind     string
	Text     string
}

type ReceiveArgs struct{ Message Message }

type Reply struct {
	Success bool
	Error   string
}

type RegisterArgs struct{ ID, Name, Callback string }

type RegisterReply struct {
	Success           bool
	Message, ID, Room string
	Seq               uint64
}

type SendArgs struct{ UserID, Text string }

type SendReply struct {
	Success        bool
	Message, Error string
	Seq            uint64
}

type ListArgs struct{ UserID string }

type ListReply struct {
	Success bool
	Users   []struct{ ID, Name string }
}

var printing sync.Mutex

func show(name string, value any) {
	line, err := json.Marshal(map[string]any{name: value})
	if err != nil {
		panic(err)
	}
	printing.Lock()
	defer printing.Unlock()
	fmt.Println(string(line))
}

// ClientCallback is what the server calls. net/rpc runs each call in a goroutine of its own.
type ClientCallback struct{}

func (ClientCallback) ReceiveMessage(args ReceiveArgs, reply *Reply) error {
	show("heard", args.Message)
	reply.Success = true
	return nil
}

func serveCallbacks() string {
	callbacks := rpc.NewServer()
	must(callbacks.RegisterName("ClientCallback", ClientCallback{}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go callbacks.ServeCodec(jsonrpc.NewServerCodec(conn))
		}
	}()
	return listener.Addr().String()
}

func main() {
	server, err := jsonrpc.Dial("tcp", os.Args[1])
	must(err)
	me := os.Args[2]
	var joined RegisterReply
	must(server.Call("ChatServer.Register", RegisterArgs{me, me, serveCallbacks()}, &joined))
	show("joined", joined)
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		command, text, _ := strings.Cut(commands.Text(), " ")
		obey(server, me, command, text)
		if command == "leave" {
			return
		}
	}
}

func obey(server *rpc.Client, me, command, text string) {
	switch command {
	case "say":
		var reply SendReply
		must(server.Call("ChatServer.SendMessage", SendArgs{me, text}, &reply))
		show("said", reply)
	case "many": // pipelined, on the one connection
		var calls []*rpc.Call
		for i := 0; i < 100; i++ {
			calls = append(calls, server.Go("ChatServer.SendMessage", SendArgs{me, fmt.Sprint(text, "-", i)}, new(SendReply), nil))
		}
		for _, call := range calls {
			must((<-call.Done).Error)
		}
		show("said", len(calls))
	case "who":
		var reply ListReply
		must(server.Call("ChatServer.ListUsers", ListArgs{me}, &reply))
		show("who", reply.Users)
	case "fail": // on the same connection: a failed call must leave it usable
		show("failed", fmt.Sprint(server.Call("ChatServer.SendMessage", SendArgs{text, "not me"}, new(SendReply))))
	case "unknown":
		show("failed", fmt.Sprint(server.Call("ChatServer.NoSuchMethod", ListArgs{me}, new(Reply))))
	case "leave":
		var reply string
		must(server.Call("ChatServer.Unregister", me, &reply))
		show("left", reply)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
