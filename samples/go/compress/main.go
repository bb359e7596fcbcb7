// Compress computes: hashes, compression, sorting, big numbers, JSON and templates, with goroutines in between.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/rand"
	"regexp"
	"sort"
	"sync"
	"text/template"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	random := rand.New(rand.NewSource(42))
	data := make([]byte, 1<<20)
	for index := range data {
		data[index] = byte(random.Intn(16))
	}
	var group sync.WaitGroup
	sums := make([]string, 8)
	for part := range sums {
		group.Add(1)
		go func() {
			defer group.Done()
			var packed bytes.Buffer
			writer := gzip.NewWriter(&packed)
			_, err := writer.Write(data[part<<17 : (part+1)<<17])
			check(err)
			check(writer.Close())
			sums[part] = fmt.Sprintf("%d %x", packed.Len(), sha512.Sum512(packed.Bytes()))
			reader, err := gzip.NewReader(&packed)
			check(err)
			back, err := io.ReadAll(reader)
			check(err)
			if !bytes.Equal(back, data[part<<17:(part+1)<<17]) {
				panic("not the same")
			}
		}()
	}
	group.Wait()
	for _, sum := range sums {
		fmt.Println(sum[:40])
	}
	numbers := make([]float64, 100000)
	for index := range numbers {
		numbers[index] = math.Sin(random.NormFloat64())
	}
	sort.Float64s(numbers)
	fmt.Println(numbers[0], numbers[50000], numbers[99999])
	product := big.NewInt(1)
	for factor := int64(2); factor <= 500; factor++ {
		product.Mul(product, big.NewInt(factor))
	}
	fmt.Println(product.BitLen(), product.ProbablyPrime(5))
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	fmt.Printf("%x\n", ed25519.Sign(key, data[:100])[:16])
	encoded, err := json.Marshal(map[string]any{"b": []int{1, 2, 3}, "a": math.Pi, "ü": nil})
	check(err)
	fmt.Println(string(encoded))
	fmt.Println(regexp.MustCompile(`(\w)(\w+)`).ReplaceAllString("hello wide world", "$2$1"))
	check(template.Must(template.New("t").Parse("{{range .}}<{{.}}>{{end}}\n")).Execute(writer{}, []int{4, 5}))
}

type writer struct{}

func (writer) Write(text []byte) (int, error) { return fmt.Print(string(text)) }
