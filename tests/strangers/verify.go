// A foreign verifier of the journal: the Go project's own golang.org/x/mod/sumdb (note, tlog), which serves Go's
// checksum database and from which C2SP's signed-note and tlog-tiles were written. Only reading files is ours.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256

// folder hands out the journal's tiles; sumdb names the height in its paths, tlog-tiles does not.
type folder string

func (f folder) Height() int                    { return 8 }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		read, err := os.ReadFile(filepath.Join(string(f), "tile", strings.TrimPrefix(tile.Path(), "tile/8/")))
		if err != nil {
			return nil, err
		}
		data[i] = read
	}
	return data, nil
}

func (f folder) entries(bundle, count int64) []byte {
	path := strings.TrimPrefix(tlog.Tile{H: 8, L: 0, N: bundle, W: int(count)}.Path(), "tile/8/0/")
	return must(os.ReadFile(filepath.Join(string(f), "tile", "entries", path)))
}

func main() {
	f := folder(os.Args[1])
	keys := must(filepath.Glob(filepath.Join(string(f), "*.vkey")))
	verifier := must(note.NewVerifier(strings.TrimSpace(string(must(os.ReadFile(keys[0]))))))
	opened := must(note.Open(must(os.ReadFile(filepath.Join(string(f), "checkpoint"))), note.VerifierList(verifier)))
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		fail("the log signs under another name than its own")
	}
	tree := tlog.Tree{N: must(strconv.ParseInt(lines[1], 10, 64))}
	copy(tree.Hash[:], must(base64.StdEncoding.DecodeString(lines[2])))
	reader := tlog.TileHashReader(tree, f) // gives out no hash that does not lead to the tree's
	if must(tlog.TreeHash(tree.N, reader)) != tree.Hash {
		fail("the tiles do not lead to the root that was signed")
	}
	for first := int64(0); first < tree.N; first += width {
		count := min(width, tree.N-first)
		indexes := make([]int64, count)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		hashes, data := must(reader.ReadHashes(indexes)), f.entries(first/width, count)
		for i, hash := range hashes {
			length := int(binary.BigEndian.Uint16(data))
			if tlog.RecordHash(data[2:2+length]) != hash {
				fail(fmt.Sprintf("leaf %d is not the one whose hash stands in the tree", first+int64(i)))
			}
			data = data[2+length:]
		}
		if len(data) != 0 {
			fail("a bundle holds more than its leaves")
		}
	}
	for _, index := range []int64{0, tree.N / 2, tree.N - 1} {
		proof := must(tlog.ProveRecord(tree.N, index, reader))
		hash := must(reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)}))[0]
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash); err != nil {
			fail(err.Error())
		}
	}
	fmt.Printf("%d leaves of %s lead to %x\n", tree.N, lines[0], tree.Hash[:])
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func must[T any](value T, err error) T {
	if err != nil {
		fail(err.Error())
	}
	return value
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, "NOT VERIFIED:", why)
	os.Exit(1)
}
