// The API server's CEL, a line of JSON for a line of JSON: {expression, minor, types, variables} in,
// {value | error | compile_error, type, cost} out, the values in the encoding of the conformance data.
//
// A variable of type dyn is plain JSON, read as an API server reads objects; any other is encoded. Minors but that of
// the module pinned are approximate: their libraries, with this one's cel-go.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	objects "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

const newest = 36

type question struct {
	Expression string
	Minor      uint
	Types      map[string]string
	Variables  map[string]json.RawMessage
}

type answer struct {
	Value        any     `json:"value,omitempty"`
	Error        *string `json:"error,omitempty"`
	CompileError *string `json:"compile_error,omitempty"`
	Type         string  `json:"type,omitempty"`
	Cost         *uint64 `json:"cost,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	out := bufio.NewWriter(os.Stdout)
	for lines.Scan() {
		var asked question
		check(json.Unmarshal(lines.Bytes(), &asked))
		text, err := json.Marshal(asked.answer())
		check(err)
		_, err = out.Write(append(text, '\n'))
		check(err)
		check(out.Flush())
	}
	check(lines.Err())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// answer compiles and evaluates as the admission plugins do (plugin/cel, compile.go and activation.go), without limits
// of cost.
func (q *question) answer() (a answer) {
	defer func() {
		if fault := recover(); fault != nil {
			a.Error = text(fmt.Sprintf("panic: %v", fault))
		}
	}()
	env := environmentOf(q.Minor, q.Types)
	ast, issues := env.Compile(q.Expression)
	if issues != nil {
		return answer{CompileError: text("compilation failed: " + issues.String())}
	}
	a.Type = ast.OutputType().String()
	program, err := env.Program(ast, cel.InterruptCheckFrequency(celconfig.CheckFrequency), cel.CostLimit(math.MaxUint64))
	if err != nil {
		return answer{CompileError: text("program instantiation failed: " + err.Error())}
	}
	value, details, err := program.ContextEval(context.Background(), q.activation())
	if details != nil {
		a.Cost = details.ActualCost()
	}
	if err != nil {
		a.Error = text(err.Error())
		return a
	}
	a.Value = encode(value)
	return a
}

func text(s string) *string { return &s }

// Environments

var environments = map[string]*cel.Env{}

func environmentOf(minor uint, declared map[string]string) *cel.Env {
	key, err := json.Marshal([]any{minor, declared})
	check(err)
	if known := environments[string(key)]; known != nil {
		return known
	}
	variables := []cel.EnvOption{}
	for name, notation := range declared {
		variables = append(variables, cel.Variable(name, typeOf(notation)))
	}
	set, err := environment.MustBaseEnvSet(version.MajorMinor(1, minor)).Extend(
		environment.VersionedOptions{IntroducedVersion: version.MajorMinor(1, 0), EnvOptions: variables},
		environment.StrictCostOpt,
	)
	check(err)
	which := environment.StoredExpressions
	if minor < newest {
		which = environment.NewExpressions
	}
	env, err := set.Env(which)
	check(err)
	environments[string(key)] = env
	return env
}

var simple = map[string]*cel.Type{
	"dyn": cel.DynType, "bool": cel.BoolType, "int": cel.IntType, "uint": cel.UintType, "double": cel.DoubleType,
	"string": cel.StringType, "bytes": cel.BytesType, "null_type": cel.NullType,
	"google.protobuf.Timestamp": cel.TimestampType, "google.protobuf.Duration": cel.DurationType,
}

// typeOf reads CEL's notation; a map's key is a simple type.
func typeOf(notation string) *cel.Type {
	if known := simple[notation]; known != nil {
		return known
	}
	if element, ok := strings.CutPrefix(notation, "list("); ok {
		return cel.ListType(typeOf(strings.TrimSuffix(element, ")")))
	}
	if entry, ok := strings.CutPrefix(notation, "map("); ok {
		key, value, _ := strings.Cut(strings.TrimSuffix(entry, ")"), ", ")
		return cel.MapType(typeOf(key), typeOf(value))
	}
	panic("unknown type " + notation)
}

// Values

func (q *question) activation() map[string]any {
	bound := map[string]any{}
	for name, raw := range q.Variables {
		var value any
		if q.Types[name] == "dyn" {
			check(objects.Unmarshal(raw, &value))
		} else {
			var encoded map[string]json.RawMessage
			check(json.Unmarshal(raw, &encoded))
			value = decode(encoded)
		}
		bound[name] = value
	}
	return bound
}

// decode gives the plain Go value of an encoded one.
func decode(encoded map[string]json.RawMessage) any {
	for kind, raw := range encoded {
		switch kind {
		case "null":
			return nil
		case "bool":
			return read[bool](raw)
		case "string":
			return read[string](raw)
		case "bytes":
			return read[[]byte](raw)
		case "int":
			n, err := strconv.ParseInt(read[string](raw), 10, 64)
			check(err)
			return n
		case "uint":
			n, err := strconv.ParseUint(read[string](raw), 10, 64)
			check(err)
			return n
		case "double":
			x, err := strconv.ParseFloat(read[string](raw), 64)
			check(err)
			return x
		case "timestamp":
			at, err := time.Parse(time.RFC3339Nano, read[string](raw))
			check(err)
			return at
		case "duration":
			d, err := time.ParseDuration(read[string](raw))
			check(err)
			return d
		case "list":
			items := []any{}
			for _, item := range read[[]map[string]json.RawMessage](raw) {
				items = append(items, decode(item))
			}
			return items
		case "map":
			entries, named := map[any]any{}, map[string]any{}
			for _, entry := range read[[][2]map[string]json.RawMessage](raw) {
				key, value := decode(entry[0]), decode(entry[1])
				entries[key] = value
				if name, ok := key.(string); ok {
					named[name] = value
				}
			}
			if len(named) == len(entries) {
				return named
			}
			return entries
		}
	}
	panic(fmt.Sprintf("no value in %v", encoded))
}

func read[T any](raw json.RawMessage) (value T) {
	check(json.Unmarshal(raw, &value))
	return value
}

// encode keeps the type of a value; what the conformance data has no encoding for has its type's name for one.
func encode(value ref.Val) any {
	switch v := value.(type) {
	case types.Null:
		return object{"null": nil}
	case types.Bool:
		return object{"bool": bool(v)}
	case types.Int:
		return object{"int": strconv.FormatInt(int64(v), 10)}
	case types.Uint:
		return object{"uint": strconv.FormatUint(uint64(v), 10)}
	case types.Double:
		return object{"double": double(float64(v))}
	case types.String:
		return object{"string": string(v)}
	case types.Bytes:
		return object{"bytes": base64.StdEncoding.EncodeToString(v)}
	case types.Timestamp:
		return object{"timestamp": v.UTC().Format(time.RFC3339Nano)}
	case types.Duration:
		seconds := new(big.Rat).SetFrac64(int64(v.Duration), int64(time.Second)).FloatString(9)
		return object{"duration": strings.TrimSuffix(strings.TrimRight(seconds, "0"), ".") + "s"}
	case *types.Optional:
		if !v.HasValue() {
			return object{"optional": nil}
		}
		return object{"optional": encode(v.GetValue())}
	case ref.Type:
		return object{"type": v.TypeName()}
	case traits.Lister:
		items := []any{}
		for i := types.Int(0); i < v.Size().(types.Int); i++ {
			items = append(items, encode(v.Get(i)))
		}
		return object{"list": items}
	case traits.Mapper:
		entries := []any{}
		for keys := v.Iterator(); keys.HasNext() == types.True; {
			key := keys.Next()
			entries = append(entries, []any{encode(key), encode(v.Get(key))})
		}
		sort.Slice(entries, func(i, j int) bool {
			return fmt.Sprint(entries[i].([]any)[0]) < fmt.Sprint(entries[j].([]any)[0])
		})
		return object{"map": entries}
	case apiservercel.Quantity:
		return object{"quantity": v.String()}
	case *apiservercel.Quantity:
		return object{"quantity": v.String()}
	}
	if name := encodings[value.Type().TypeName()]; name != "" {
		return object{name: fmt.Sprint(value.Value())}
	}
	return object{value.Type().TypeName(): nil}
}

type object = map[string]any

var encodings = map[string]string{"kubernetes.URL": "url", "net.IP": "ip", "net.CIDR": "cidr", "kubernetes.Semver": "semver"}

func double(x float64) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 0):
		return strings.TrimPrefix(strconv.FormatFloat(x, 'g', -1, 64)+"inity", "+")
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}
