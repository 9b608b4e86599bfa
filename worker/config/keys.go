package config

import (
	"reflect"
)

// keys are the names of all settings, read off the struct itself so that they
// cannot fall behind it.
func keys() map[string]bool {
	out := map[string]bool{}
	sections := reflect.TypeFor[Config]()
	for i := range sections.NumField() {
		section := sections.Field(i)
		for j := range section.Type.NumField() {
			out[section.Tag.Get("koanf")+"."+section.Type.Field(j).Tag.Get("koanf")] = true
		}
	}
	return out
}
