// Walk builds a tree of ten thousand files, walks, hashes, renames, links and removes it.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func digest(root string) (files, folders int, bytes int64, sum [32]byte) {
	hash := sha256.New()
	check(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		check(err)
		relative, err := filepath.Rel(root, path)
		check(err)
		info, err := entry.Info()
		check(err)
		fmt.Fprintln(hash, relative, entry.Type(), info.Mode())
		if entry.IsDir() {
			folders++
			return nil
		}
		files++
		bytes += info.Size()
		if entry.Type().IsRegular() {
			file, err := os.Open(path)
			check(err)
			_, err = io.Copy(hash, file)
			check(err)
			check(file.Close())
		}
		return nil
	}))
	return files, folders, bytes, [32]byte(hash.Sum(nil))
}

func report(title, root string) {
	files, folders, bytes, sum := digest(root)
	fmt.Printf("%s: %d files, %d folders, %d bytes, %x\n", title, files, folders, bytes, sum)
}

func main() {
	root, err := os.MkdirTemp("", "walk")
	check(err)
	defer os.RemoveAll(root)
	for folder := range 100 {
		path := filepath.Join(root, fmt.Sprintf("folder-%02d", folder/10), fmt.Sprintf("inner-%d", folder%10))
		check(os.MkdirAll(path, 0o755))
		for file := range 100 {
			name := filepath.Join(path, fmt.Sprintf("file-%02d-%s", file, strings.Repeat("x", file)))
			check(os.WriteFile(name, fmt.Appendf(nil, "%d %d %s", folder, file, name[len(root):]), 0o640))
		}
	}
	report("created", root)

	flat := filepath.Join(root, "flat")
	check(os.Mkdir(flat, 0o700))
	for file := range 5000 {
		check(os.WriteFile(filepath.Join(flat, fmt.Sprint("number ", file)), nil, 0o600))
	}
	entries, err := os.ReadDir(flat)
	check(err)
	fmt.Println("one folder:", len(entries), entries[0].Name(), entries[4999].Name())
	handle, err := os.Open(flat)
	check(err)
	seen := 0
	for {
		names, err := handle.Readdirnames(777)
		seen += len(names)
		if err == io.EOF {
			break
		}
		check(err)
	}
	_, err = handle.Seek(0, io.SeekStart)
	check(err)
	again, err := handle.Readdirnames(-1)
	check(err)
	check(handle.Close())
	fmt.Println("in parts:", seen, "again:", len(again))
	for file := 0; file < 5000; file += 2 {
		check(os.Remove(filepath.Join(flat, fmt.Sprint("number ", file))))
	}
	entries, err = os.ReadDir(flat)
	check(err)
	fmt.Println("half:", len(entries))
	report("with a flat folder", root)

	for folder := range 10 {
		old := filepath.Join(root, fmt.Sprintf("folder-%02d", folder))
		check(os.Rename(old, filepath.Join(root, fmt.Sprintf("renamed-%02d", folder))))
	}
	source := filepath.Join(root, "renamed-00", "inner-0", "file-00-")
	check(os.Symlink("../flat", filepath.Join(root, "renamed-01", "link")))
	check(os.Symlink("nowhere", filepath.Join(root, "dangling")))
	check(os.Link(source, filepath.Join(root, "hard")))
	check(os.Chmod(filepath.Join(root, "hard"), 0o400))
	report("renamed", root)
	matches, err := filepath.Glob(filepath.Join(root, "renamed-*", "inner-[3-5]", "file-0[0-4]*"))
	check(err)
	fmt.Println("matches:", len(matches))
	check(os.RemoveAll(filepath.Join(root, "renamed-05")))
	_, err = os.Stat(filepath.Join(root, "renamed-05"))
	fmt.Println(strings.ReplaceAll(err.Error(), root, "ROOT"))
	fmt.Println(strings.ReplaceAll(os.Remove(flat).Error(), root, "ROOT"))
	report("smaller", root)
	check(os.RemoveAll(root))
	_, err = os.Stat(root)
	fmt.Println("gone:", os.IsNotExist(err))
}
