package stdhttp

import "encoding/json"

// Error is an answer in the shape in which OpenAI's clients read errors.
type Error struct {
	Status  int
	Message string
	Param   string // what of the request is wrong, or ""
	Code    string // for programs, or ""
}

// Error implements error.
func (e Error) Error() string { return e.Message }

// WriteJSON answers a value.
func WriteJSON(w *ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(append(b, '\n'))
	return err
}

// WriteError answers an error.
func WriteError(w *ResponseWriter, e Error) error {
	type words struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	optional := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	kind := "invalid_request_error"
	if e.Status >= 500 {
		kind = "server_error"
	}
	return WriteJSON(w, e.Status, map[string]words{"error": {e.Message, kind, optional(e.Param), optional(e.Code)}})
}
