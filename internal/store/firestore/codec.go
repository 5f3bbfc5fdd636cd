package firestore

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// A document's fields have the JSON names of the struct that it holds. Nested
// structs are maps. Raw JSON is stored as text, because a Firestore map has no
// nested lists, no keys like "__x__", at most twenty levels and no numbers beyond
// 64 bits: it would lose some of what Slack may send.

// field is a struct field with its name in the document.
type field struct {
	reflect.StructField
	name     string
	optional bool // left out if it is zero
}

func fieldsOf(t reflect.Type) (all []field) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "-" {
			all = append(all, field{f, name, strings.HasPrefix(options, "omit")})
		}
	}
	return all
}

var (
	timeType    = reflect.TypeFor[time.Time]()
	rawJSONType = reflect.TypeFor[json.RawMessage]()
)

// encode returns the fields of a struct.
func encode(v any) map[string]any { return encodeStruct(reflect.ValueOf(v)) }

func encodeStruct(v reflect.Value) map[string]any {
	m := map[string]any{}
	for _, f := range fieldsOf(v.Type()) {
		value := v.FieldByIndex(f.Index)
		if f.optional && (value.IsZero() || value.Kind() == reflect.Slice && value.Len() == 0) {
			continue
		}
		m[f.name] = encodeValue(value)
	}
	return m
}

func encodeValue(v reflect.Value) any {
	switch {
	case v.Type() == rawJSONType:
		return string(v.Bytes())
	case v.Type() == timeType:
		return v.Interface()
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Int, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Struct:
		return encodeStruct(v)
	case reflect.Pointer:
		return encodeStruct(v.Elem())
	}
	return v.Interface()
}

// decode sets the struct that v points to from a document's fields. It ignores
// fields that the struct lacks.
func decode(fields map[string]any, v any) error {
	return decodeStruct(fields, reflect.ValueOf(v).Elem())
}

func decodeStruct(fields map[string]any, v reflect.Value) error {
	for _, f := range fieldsOf(v.Type()) {
		if value, ok := fields[f.name]; ok && value != nil {
			if err := decodeValue(value, v.FieldByIndex(f.Index)); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
	return nil
}

func decodeValue(value any, v reflect.Value) error {
	if v.Type() == rawJSONType {
		text, ok := value.(string)
		if !ok {
			return fmt.Errorf("a %T, not text", value)
		}
		v.SetBytes([]byte(text))
		return nil
	}
	if list, ok := value.([]any); ok && v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i, item := range list {
			if err := decodeValue(item, v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	}
	switch within, isMap := value.(map[string]any); {
	case isMap && v.Kind() == reflect.Struct:
		return decodeStruct(within, v)
	case isMap && v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return decodeStruct(within, v.Elem())
	case isMap && v.Kind() == reflect.Map:
		v.Set(reflect.MakeMapWithSize(v.Type(), len(within)))
		for key, item := range within {
			element := reflect.New(v.Type().Elem()).Elem()
			if err := decodeValue(item, element); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			v.SetMapIndex(reflect.ValueOf(key), element)
		}
		return nil
	}
	from := reflect.ValueOf(value)
	if from.Kind() != v.Kind() && !(from.CanInt() && v.CanInt()) || !from.CanConvert(v.Type()) {
		return fmt.Errorf("a %T, not a %s", value, v.Type())
	}
	v.Set(from.Convert(v.Type()))
	return nil
}
