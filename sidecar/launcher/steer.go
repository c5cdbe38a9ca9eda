package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Source ports that reach one slot whatever the weights are, from this host only. They lie above
// Linux' default ephemeral range (32768 to 60999).
const (
	probePortBase  = 64000
	probePortShift = 4 // 16 ports a slot
	maxSlots       = 32
	weightScale    = 1 << 16
)

func probePorts(slot int) (first, last int) {
	first = probePortBase + slot<<probePortShift
	return first, first + 1<<probePortShift - 1
}

// share is a part of the new connections: weight, of the sum of all, goes to the index.
type share struct {
	index  int
	weight int
}

// probe says which index the probe ports of a slot reach.
type probe struct {
	slot  int
	index int
}

// Classic BPF, linux/filter.h and bpf_common.h. netOff is SKF_NET_OFF: the kernel has pulled the TCP
// header when the program runs (reuseport_select_sock), so all is read from the network header on.
const (
	netOff     = 0xfff00000
	adRandom   = 0xfffff000 + 56 // SKF_AD_OFF + SKF_AD_RANDOM
	ldWordAbs  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	ldHalfAbs  = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
	ldByteAbs  = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
	tax        = unix.BPF_MISC | unix.BPF_TAX
	jeqK       = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	jeqX       = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_X
	jgeK       = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	jumpAlways = unix.BPF_JMP | unix.BPF_JA
	retK       = unix.BPF_RET | unix.BPF_K
	andK       = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	rshK       = unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K
)

// program builds what picks a socket. A connection from a probe port whose source address equals
// its destination address (only this host can send that: both families) goes to that slot; all
// others go by weight. Shares without weight get nothing; where no share has any, the first gets all.
//
// It returns only indexes that it was given: for one out of range the kernel would hash over all
// members.
func program(shares []share, probes []probe) []unix.SockFilter {
	a := &assembler{}
	a.op(ldByteAbs, netOff)
	a.op(rshK, 4)
	a.jumpIf(jeqK, 6, "ipv6", "maybe4")
	a.label("maybe4")
	a.op(ldByteAbs, netOff)
	a.skipUnless(jeqK, 0x45, "weighted") // version 4, a header without options
	a.same(netOff+12, netOff+16)
	a.op(ldHalfAbs, netOff+20)
	a.far("probe")
	a.label("ipv6")
	a.op(ldByteAbs, netOff+6)
	a.skipUnless(jeqK, unix.IPPROTO_TCP, "weighted") // no extension headers
	for word := uint32(0); word < 16; word += 4 {
		a.same(netOff+8+word, netOff+24+word)
	}
	a.op(ldHalfAbs, netOff+40)
	a.label("probe")
	a.op(rshK, probePortShift)
	for _, p := range probes {
		a.retIf(jeqK, uint32(probePortBase>>probePortShift+p.slot), uint32(p.index))
	}
	a.label("weighted")
	weighted(a, shares)
	return a.finish()
}

// weighted draws a number below weightScale and returns the share that it falls into.
func weighted(a *assembler, shares []share) {
	total, last := 0, 0
	for i, s := range shares {
		if s.weight > 0 {
			total, last = total+s.weight, i
		}
	}
	if len(shares) == 0 {
		a.op(retK, 0)
		return
	}
	if total > 0 {
		a.op(ldWordAbs, adRandom)
		a.op(andK, weightScale-1)
		sum := 0
		for _, s := range shares[:last] {
			if s.weight == 0 {
				continue
			}
			sum += s.weight
			a.retUnless(jgeK, uint32(sum*weightScale/total), uint32(s.index))
		}
	}
	a.op(retK, uint32(shares[last].index))
}

// assembler collects instructions; a jump to a label is resolved by finish.
type assembler struct {
	code   []unix.SockFilter
	labels map[string]int
	long   map[int]string    // BPF_JA, 32 bits of distance
	short  map[int][2]string // conditional, 8 bits of distance
}

func (a *assembler) op(code uint16, k uint32) {
	a.code = append(a.code, unix.SockFilter{Code: code, K: k})
}

func (a *assembler) label(name string) {
	if a.labels == nil {
		a.labels = map[string]int{}
	}
	a.labels[name] = len(a.code)
}

func (a *assembler) far(label string) {
	if a.long == nil {
		a.long = map[int]string{}
	}
	a.long[len(a.code)] = label
	a.op(jumpAlways, 0)
}

func (a *assembler) jumpIf(code uint16, k uint32, yes, no string) {
	if a.short == nil {
		a.short = map[int][2]string{}
	}
	a.short[len(a.code)] = [2]string{yes, no}
	a.op(code, k)
}

// skipUnless goes on where the test holds, else jumps far.
func (a *assembler) skipUnless(code uint16, k uint32, label string) {
	a.code = append(a.code, unix.SockFilter{Code: code, K: k, Jt: 1})
	a.far(label)
}

// same goes on where the two words are equal, else jumps to "weighted".
func (a *assembler) same(one, two uint32) {
	a.op(ldWordAbs, one)
	a.op(tax, 0)
	a.op(ldWordAbs, two)
	a.skipUnless(jeqX, 0, "weighted")
}

// retIf returns value where the test holds; retUnless where it does not.
func (a *assembler) retIf(code uint16, k, value uint32) {
	a.code = append(a.code, unix.SockFilter{Code: code, K: k, Jf: 1})
	a.op(retK, value)
}

func (a *assembler) retUnless(code uint16, k, value uint32) {
	a.code = append(a.code, unix.SockFilter{Code: code, K: k, Jt: 1})
	a.op(retK, value)
}

func (a *assembler) finish() []unix.SockFilter {
	for at, label := range a.long {
		a.code[at].K = uint32(a.labels[label] - at - 1)
	}
	for at, pair := range a.short {
		a.code[at].Jt = uint8(a.labels[pair[0]] - at - 1)
		a.code[at].Jf = uint8(a.labels[pair[1]] - at - 1)
	}
	return a.code
}

// attach puts the program in force for the whole group that the listening socket is a member of.
func attach(fd int, code []unix.SockFilter) error {
	p := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET,
		unix.SO_ATTACH_REUSEPORT_CBPF, uintptr(unsafe.Pointer(&p)), unsafe.Sizeof(p), 0)
	if errno != 0 {
		return fmt.Errorf("cannot attach the program that picks a socket: %w", errno)
	}
	return nil
}
