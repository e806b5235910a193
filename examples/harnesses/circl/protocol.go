// The host's side of pqvalidate harness protocol 1, in lines of JSON; nothing in here knows the package under test.
//
// A panic with an error value is "rejected": must raises what the package returns, and its schemes report a wrong seed
// or context length that way themselves. Any other panic, and a broken call, is "error".
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"runtime"
)

type call struct {
	ID  json.RawMessage   `json:"id"`
	Op  string            `json:"op"`
	Set string            `json:"set"`
	In  map[string]string `json:"in"`
}

type outputs map[string]any

type operations map[string]func(c *call) outputs

// bytes is an input of the call; a missing or malformed one panics with a text, which is no refusal.
func (c *call) bytes(name string) []byte {
	text, present := c.In[name]
	value, err := hex.DecodeString(text)
	if !present || err != nil {
		panic(fmt.Sprintf("input %q is missing or not hex", name))
	}
	return value
}

// must returns the value, or refuses with the error that came in its place.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func answer(line []byte) (reply outputs) {
	var c call
	defer func() {
		problem := recover()
		if refusal, ok := problem.(error); ok {
			if _, broken := refusal.(runtime.Error); !broken {
				reply = outputs{"id": c.ID, "rejected": refusal.Error()}
				return
			}
		}
		if problem != nil {
			reply = outputs{"id": c.ID, "error": fmt.Sprint(problem)}
		}
	}()
	if err := json.Unmarshal(line, &c); err != nil {
		panic(err.Error())
	}
	if c.Op == "hello" {
		return outputs{"id": c.ID, "ok": hello()}
	}
	operation, known := sets[c.Set][c.Op]
	if !known {
		panic(fmt.Sprintf("no operation %q for %q", c.Op, c.Set))
	}
	return outputs{"id": c.ID, "ok": operation(&c)}
}

// serve answers until the host closes standard input.
func serve() {
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), bufio.NewWriter(os.Stdout)
	for replies := json.NewEncoder(out); ; {
		line, err := in.ReadBytes('\n')
		if err != nil { // end of input: the host is done
			return
		}
		if err := replies.Encode(answer(line)); err != nil {
			log.Fatal(err)
		}
		if in.Buffered() == 0 { // nothing more is waiting: let the host see what is ready
			if err := out.Flush(); err != nil {
				log.Fatal(err)
			}
		}
	}
}
