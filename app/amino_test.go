package app_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	gogoproto "github.com/cosmos/gogoproto/proto"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"cosmossdk.io/api/amino"
	"cosmossdk.io/client/v2/autocli/flag"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/tx/signing/aminojson"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/app/apptest"
)

const (
	// maxAminoName is what a Ledger still shows and signs.
	maxAminoName = 39
	ownMessages  = "/emc."
)

// upstreamWithoutAmino are the messages of other people's modules to which their
// authors gave no amino name: IBC's, which only relayers and governance send, and
// a few that they forgot. testdata/amino_names.golden lists each by name.
func upstreamWithoutAmino(url string) bool {
	return strings.HasPrefix(url, "/ibc.core.") || slices.Contains([]string{
		"/cosmos.feegrant.v1beta1.MsgPruneAllowances",
		"/cosmos.gov.v1.MsgCancelProposal",
		"/cosmos.nft.v1beta1.MsgSend",
		"/ibc.applications.transfer.v1.MsgUpdateParams",
	}, url)
}

func aminoName(message protoreflect.MessageDescriptor) string {
	name, _ := proto.GetExtension(message.Options(), amino.E_Name).(string)
	return name
}

func messageDescriptor(t *testing.T, url string) protoreflect.MessageDescriptor {
	t.Helper()
	descriptor, err := gogoproto.HybridResolver.FindDescriptorByName(protoreflect.FullName(strings.TrimPrefix(url, "/")))
	require.NoError(t, err)
	return descriptor.(protoreflect.MessageDescriptor)
}

// Every message has a unique amino name that a hardware wallet can show.
func TestAminoNames(t *testing.T) {
	byName := map[string]string{}
	var lines []string
	for _, url := range apptest.NewApp(t, nil).InterfaceRegistry().ListImplementations(sdk.MsgInterfaceProtoName) {
		name := aminoName(messageDescriptor(t, url))
		if name == "" && upstreamWithoutAmino(url) {
			lines = append(lines, url+" -")
			continue
		}
		require.NotEmpty(t, name, "%s cannot be signed in amino JSON: give it option (amino.name)", url)
		require.LessOrEqual(t, len(name), maxAminoName, "%s: the amino name %s is too long for a Ledger", url, name)
		require.Empty(t, byName[name], "%s and %s share the amino name %s", url, byName[name], name)
		if strings.HasPrefix(url, ownMessages) {
			require.True(t, strings.HasPrefix(name, "emc/") || strings.HasPrefix(name, "emc."), "%s: the amino name %s does not start with emc", url, name)
		}
		byName[name] = url
		lines = append(lines, url+" "+name)
	}
	slices.Sort(lines)
	golden(t, "amino_names.golden", lines)
}

// The old amino JSON and the new one agree on our messages, filled or empty: a
// wallet that signs the one would otherwise be refused by a node that checks
// the other.
func TestAminoJSONAgrees(t *testing.T) {
	chain := apptest.NewApp(t, nil)
	urls := slices.DeleteFunc(chain.InterfaceRegistry().ListImplementations(sdk.MsgInterfaceProtoName), func(url string) bool {
		return !strings.HasPrefix(url, ownMessages)
	})
	require.NotEmpty(t, urls)
	slices.Sort(urls)
	for _, url := range urls {
		t.Run(strings.TrimPrefix(url, ownMessages), func(t *testing.T) {
			descriptor := messageDescriptor(t, url)
			requireAminoAgrees(t, chain, dynamicpb.NewMessage(descriptor))
			rapid.Check(t, func(r *rapid.T) {
				message := dynamicpb.NewMessage(descriptor)
				fill(r, message, 0)
				requireAminoAgrees(r, chain, message)
			})
		})
	}
}

// testT is what both testing.T and rapid.T are.
type testT interface {
	Fatalf(format string, args ...any)
	Helper()
}

func requireAminoAgrees(t testT, chain *app.App, message *dynamicpb.Message) {
	t.Helper()
	raw, err := proto.Marshal(message)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	gogo := newGogo(t, string(message.Descriptor().FullName()))
	if err := chain.AppCodec().Unmarshal(raw, gogo); err != nil {
		t.Fatalf("unmarshal %v: %v", message, err)
	}
	legacy, err := chain.LegacyAmino().MarshalJSON(gogo)
	if err != nil {
		t.Fatalf("legacy amino: %v", err)
	}
	// What the node checks is made from the bytes of the transaction, in which
	// the gogoproto type writes its non-nullable fields even when empty.
	again, err := chain.AppCodec().Marshal(gogo)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	sent := dynamicpb.NewMessage(message.Descriptor())
	if err := proto.Unmarshal(again, sent); err != nil {
		t.Fatalf("unmarshal: %v", err)
	}
	encoder := aminojson.NewEncoder(aminojson.EncoderOptions{
		FileResolver: gogoproto.HybridResolver, TypeResolver: protoregistry.GlobalTypes,
	})
	modern, err := encoder.Marshal(sent)
	if err != nil {
		t.Fatalf("x/tx aminojson: %v", err)
	}
	if a, b := canonical(t, legacy), canonical(t, modern); a != b {
		t.Fatalf("%s\nlegacy amino JSON: %s\nx/tx aminojson:    %s", message.Descriptor().FullName(), a, b)
	}
}

func newGogo(t testT, name string) gogoproto.Message {
	typ := gogoproto.MessageType(name)
	if typ == nil {
		t.Fatalf("%s is not registered", name)
	}
	return reflect.New(typ.Elem()).Interface().(gogoproto.Message)
}

// canonical sorts the keys, as the SDK does before signing.
func canonical(t testT, document []byte) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	sorted, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(sorted)
}

const maxDepth = 3

// fill gives some of a message's fields random values that its types accept.
func fill(r *rapid.T, message protoreflect.Message, depth int) {
	switch message.Descriptor().FullName() {
	case "google.protobuf.Duration":
		seconds := rapid.Int64Range(0, 1<<30).Draw(r, "seconds")
		message.Set(message.Descriptor().Fields().ByName("seconds"), protoreflect.ValueOfInt64(seconds))
		return
	case "google.protobuf.Timestamp":
		seconds := rapid.Int64Range(0, 1<<33).Draw(r, "seconds")
		message.Set(message.Descriptor().Fields().ByName("seconds"), protoreflect.ValueOfInt64(seconds))
		return
	}
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if !rapid.Bool().Draw(r, "set "+string(field.Name())) {
			continue
		}
		switch {
		case field.IsMap():
			r.Fatalf("%s is a map: its order is not defined", field.FullName())
		case field.IsList():
			list := message.Mutable(field).List()
			for range rapid.IntRange(0, 3).Draw(r, "length of "+string(field.Name())) {
				if field.Message() != nil {
					element := list.NewElement()
					if depth < maxDepth {
						fill(r, element.Message(), depth+1)
					}
					list.Append(element)
				} else {
					list.Append(scalar(r, field))
				}
			}
		case field.Message() != nil:
			nested := message.Mutable(field).Message()
			if depth < maxDepth {
				fill(r, nested, depth+1)
			}
		default:
			message.Set(field, scalar(r, field))
		}
	}
}

func scalar(r *rapid.T, field protoreflect.FieldDescriptor) protoreflect.Value {
	name := string(field.FullName())
	kind, _ := flag.GetScalarType(field)
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(r, name))
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(rapid.IntRange(0, values.Len()-1).Draw(r, name)).Number())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(r, name))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(r, name))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(rapid.Uint32().Draw(r, name))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(r, name))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(r, name))
	case protoreflect.StringKind:
		switch kind {
		case "cosmos.Int":
			return protoreflect.ValueOfString(fmt.Sprint(rapid.Uint64().Draw(r, name)))
		case "cosmos.Dec":
			return protoreflect.ValueOfString(fmt.Sprint(rapid.Uint32().Draw(r, name)) + strings.Repeat("0", 18))
		}
		return protoreflect.ValueOfString(rapid.StringMatching(`[a-zA-Z0-9 <>&/"\\äé世🙂-]{0,30}`).Draw(r, name))
	default:
		r.Fatalf("%s: kind %s is not allowed in a message: it cannot be signed the same everywhere", name, field.Kind())
		return protoreflect.Value{}
	}
}

// Every message and query of ours can be reached from the command line, gRPC and
// REST: a method without a route is a method that a wallet cannot find.
func TestEveryQueryHasARoute(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "docs", "static", "openapi.json"))
	require.NoError(t, err)
	var described struct {
		Paths map[string]json.RawMessage `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(raw, &described))

	files := map[string]bool{}
	gogoproto.HybridResolver.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(file.Package()), "emc.") {
			return true
		}
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			if service.Name() != "Query" {
				continue
			}
			files[file.Path()] = true
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				route := httpRoute(method)
				require.NotEmpty(t, route, "%s has no google.api.http option", method.FullName())
				require.Contains(t, described.Paths, route, "docs/static/openapi.json is out of date: run scripts/openapi.sh")
			}
		}
		return true
	})
	require.NotEmpty(t, slices.Collect(maps.Keys(files)))
}

// httpRoute returns the REST path of a method, or nothing.
func httpRoute(method protoreflect.MethodDescriptor) string {
	// The option's Go type depends on who registered the descriptor: take it from the bytes.
	raw, err := proto.Marshal(method.Options())
	if err != nil {
		return ""
	}
	options := &descriptorpb.MethodOptions{}
	if err := (proto.UnmarshalOptions{Resolver: protoregistry.GlobalTypes}).Unmarshal(raw, options); err != nil {
		return ""
	}
	rule, _ := proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule)
	if get := rule.GetGet(); get != "" {
		return get
	}
	return rule.GetPost()
}
