package wallets

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	cosmosproto "github.com/cosmos/cosmos-proto"
	gogoproto "github.com/cosmos/gogoproto/proto"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	msgv1 "cosmossdk.io/api/cosmos/msg/v1"

	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
)

const (
	ownMessages  = "/emc."
	updateParams = "MsgUpdateParams"
)

// messages are all that the chain's own modules take, by their names.
func messages(registry codectypes.InterfaceRegistry) ([]protoreflect.MessageDescriptor, error) {
	var list []protoreflect.MessageDescriptor
	urls := registry.ListImplementations(sdk.MsgInterfaceProtoName)
	slices.Sort(urls)
	for _, url := range urls {
		if !strings.HasPrefix(url, ownMessages) {
			continue
		}
		found, err := gogoproto.HybridResolver.FindDescriptorByName(protoreflect.FullName(url[1:]))
		if err != nil {
			return nil, err
		}
		list = append(list, found.(protoreflect.MessageDescriptor))
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no message begins with %s: the test sees nothing", ownMessages)
	}
	return list, nil
}

// moduleOf is a message's module: the word after emc.
func moduleOf(name protoreflect.FullName) string { return strings.Split(string(name), ".")[1] }

// kinds of values.
const (
	zero  = "zero"  // the signer, and nothing else
	empty = "empty" // every message within the message is there, and has nothing in it
	full  = "full"  // everything is there
)

var kinds = []string{zero, empty, full}

// nests reports whether there are messages within the message; without, empty is zero.
func nests(message protoreflect.MessageDescriptor) bool {
	for i := range message.Fields().Len() {
		if field := message.Fields().Get(i); field.Message() != nil && !field.IsList() {
			return true
		}
	}
	return false
}

// values fills a message in one of the ways, in the JSON form of protobuf. What
// is filled makes no sense, but is hard to write: what two languages may disagree
// about.
func values(message protoreflect.MessageDescriptor, kind string, signer *key) (json.RawMessage, error) {
	m := dynamicpb.NewMessage(message)
	fill(m, kind, signer)
	names, _ := proto.GetExtension(message.Options(), msgv1.E_Signer).([]string)
	if len(names) != 1 {
		return nil, fmt.Errorf("%s has the signers %v, expected one", message.FullName(), names)
	}
	field := message.Fields().ByName(protoreflect.Name(names[0]))
	m.Set(field, protoreflect.ValueOfString(addressIn(field, signer)))
	return protojson.Marshal(m)
}

// addressIn is a key's address in the form that a field asks for; empty where it
// asks for none.
func addressIn(field protoreflect.FieldDescriptor, k *key) string {
	switch scalarOf(field) {
	case "cosmos.AddressString":
		return k.address.String()
	case "cosmos.ValidatorAddressString":
		return k.operator()
	}
	return ""
}

func scalarOf(field protoreflect.FieldDescriptor) string {
	scalar, _ := proto.GetExtension(field.Options(), cosmosproto.E_Scalar).(string)
	return scalar
}

func fill(m protoreflect.Message, kind string, signer *key) {
	for i := range m.Descriptor().Fields().Len() {
		field := m.Descriptor().Fields().Get(i)
		switch {
		case kind == zero:
		case field.IsList() && kind == full:
			list := m.Mutable(field).List()
			for range 2 {
				if field.Message() == nil {
					list.Append(scalar(field, signer))
				} else {
					fill(list.AppendMutable().Message(), kind, signer)
				}
			}
		case field.IsList():
		case field.Message() != nil:
			fill(m.Mutable(field).Message(), kind, signer)
		case kind == full:
			m.Set(field, scalar(field, signer))
		}
	}
}

// awkward is what JSON has to escape, and what two bytes do not hold.
const awkward = `<a> & "b" \ ä 世 🙂`

func scalar(field protoreflect.FieldDescriptor, signer *key) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		all := field.Enum().Values()
		return protoreflect.ValueOfEnum(all.Get(all.Len() - 1).Number())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(math.MinInt32)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(math.MaxUint32)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(math.MinInt64) // more than a number of JavaScript holds
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(math.MaxUint64)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0, 255, 62, 63})
	case protoreflect.StringKind:
		if address := addressIn(field, signer); address != "" {
			return protoreflect.ValueOfString(address)
		}
		if scalarOf(field) == "cosmos.Int" {
			return protoreflect.ValueOfString("7")
		}
		if field.Name() == "denom" {
			return protoreflect.ValueOfString("uemc")
		}
		return protoreflect.ValueOfString(awkward)
	default:
		panic(fmt.Sprintf("%s: %s cannot be signed the same everywhere", field.FullName(), field.Kind()))
	}
}
