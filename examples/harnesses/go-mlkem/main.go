// Harness for crypto/mlkem of Go's standard library: pqvalidate harness protocol 1, one JSON object per line.
//
// The package knows a decapsulation key as its 64-byte seed d‖z only, so key generation returns the seed as dk and
// decapsulation is offered from the seed. What the package refuses is "rejected"; a broken call is "error".
package main

import (
	"bufio"
	"crypto"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"runtime"
	"slices"
)

type request struct {
	ID  json.RawMessage   `json:"id"`
	Op  string            `json:"op"`
	Set string            `json:"set"`
	In  map[string]string `json:"in"`
}

type reply struct {
	ID       json.RawMessage `json:"id"`
	OK       any             `json:"ok,omitempty"`
	Rejected string          `json:"rejected,omitempty"`
	Error    string          `json:"error,omitempty"`
}

type outputs map[string]any

// inputs are the byte strings of a call; a missing or malformed one is a fault of the caller, not of the package.
type inputs map[string]string

func (in inputs) bytes(name string) []byte {
	text, present := in[name]
	value, err := hex.DecodeString(text)
	if !present || err != nil {
		panic(fmt.Sprintf("input %q is missing or not hex", name))
	}
	return value
}

func secret(k, c []byte) outputs {
	return outputs{"k": hex.EncodeToString(k), "c": hex.EncodeToString(c)}
}

type privateKey interface {
	crypto.Decapsulator
	Bytes() []byte
}

// kem maps the operations of one parameter set; the four functions are those of the package for that set.
func kem[D privateKey, E crypto.Encapsulator](
	generate func() (D, error),
	load func(seed []byte) (D, error),
	loadPublic func(ek []byte) (E, error),
	derand func(ek E, m []byte) (k, c []byte, err error),
) map[string]func(inputs) (outputs, error) {
	pair := func(key D, err error) (outputs, error) {
		if err != nil {
			return nil, err
		}
		ek, dk := key.Encapsulator().Bytes(), key.Bytes()
		return outputs{"ek": hex.EncodeToString(ek), "dk": hex.EncodeToString(dk)}, nil
	}
	return map[string]func(inputs) (outputs, error){
		"keygen":           func(inputs) (outputs, error) { return pair(generate()) },
		"keygen_from_seed": func(in inputs) (outputs, error) { return pair(load(in.bytes("seed"))) },
		"encapsulate": func(in inputs) (outputs, error) {
			key, err := loadPublic(in.bytes("ek"))
			if err != nil {
				return nil, err
			}
			return secret(key.Encapsulate()), nil
		},
		"encapsulate_derand": func(in inputs) (outputs, error) {
			key, err := loadPublic(in.bytes("ek"))
			if err != nil {
				return nil, err
			}
			k, c, err := derand(key, in.bytes("m"))
			return secret(k, c), err
		},
		"decapsulate_from_seed": func(in inputs) (outputs, error) {
			key, err := load(in.bytes("seed"))
			if err != nil {
				return nil, err
			}
			k, err := key.Decapsulate(in.bytes("c"))
			return outputs{"k": hex.EncodeToString(k)}, err
		},
		"check_encapsulation_key": func(in inputs) (outputs, error) {
			_, err := loadPublic(in.bytes("ek"))
			return outputs{"valid": err == nil}, nil
		},
	}
}

var sets = map[string]map[string]func(inputs) (outputs, error){
	"ML-KEM-768": kem(mlkem.GenerateKey768, mlkem.NewDecapsulationKey768, mlkem.NewEncapsulationKey768,
		mlkemtest.Encapsulate768),
	"ML-KEM-1024": kem(mlkem.GenerateKey1024, mlkem.NewDecapsulationKey1024, mlkem.NewEncapsulationKey1024,
		mlkemtest.Encapsulate1024),
}

func answer(line []byte) (r reply) {
	defer func() {
		if problem := recover(); problem != nil {
			r = reply{ID: r.ID, Error: fmt.Sprint(problem)}
		}
	}()
	var call request
	err := json.Unmarshal(line, &call)
	r.ID = call.ID // it is there, too, when an input is no text
	if err != nil {
		r.Error = err.Error()
		return r
	}
	if call.Op == "hello" {
		offered := map[string][]string{}
		for name, operations := range sets {
			offered[name] = slices.Sorted(maps.Keys(operations))
		}
		r.OK = outputs{"protocol": 1, "name": "Go crypto/mlkem", "version": runtime.Version(), "operations": offered}
		return r
	}
	operation, known := sets[call.Set][call.Op]
	if !known {
		r.Error = fmt.Sprintf("no operation %q for %q", call.Op, call.Set)
	} else if result, err := operation(call.In); err != nil {
		r.Rejected = err.Error()
	} else {
		r.OK = result
	}
	return r
}

func main() {
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
