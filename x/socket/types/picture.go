package types

import (
	"encoding/base64"
	"fmt"
	"html"
	"strings"
	"time"

	"cosmossdk.io/math"
)

// Picture draws a socket as an SVG in a data URI. A wallet shows the one that was
// drawn when it was minted; queries draw it as of now.
func (s Socket) Picture(now int64) string {
	hue := uint32(0)
	for _, b := range []byte(s.App) {
		hue = hue*31 + uint32(b)
	}
	hue %= 360
	total, left := max(s.ExpiresAt-s.start(), 1), max(s.ExpiresAt-now, 0)
	bar := min(left*360/total, 360)
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 420 420" font-family="Inter,Segoe UI,Helvetica,Arial,sans-serif">`+
		`<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="hsl(%d,55%%,22%%)"/><stop offset="1" stop-color="hsl(%d,60%%,10%%)"/></linearGradient></defs>`+
		`<rect width="420" height="420" rx="28" fill="url(#g)"/>`+
		`<g fill="none" stroke="hsl(%d,70%%,62%%)" stroke-width="7"><rect x="286" y="34" width="100" height="100" rx="26"/><path d="M318 66v20M354 66v20M326 108h20" stroke-linecap="round"/></g>`+
		`<text x="30" y="64" font-size="17" fill="hsl(%d,60%%,75%%)" letter-spacing="2">COMPUTE SOCKET</text>`+
		`<text x="30" y="112" font-size="%d" font-weight="700" fill="#fff">%s</text>`+
		`<text x="30" y="226" font-size="68" font-weight="700" fill="#fff">%s<tspan dx="10" font-size="32" fill="hsl(%d,70%%,72%%)">E</tspan></text>`+
		`<text x="30" y="262" font-size="19" fill="#dfe6ee">%d slot%s</text>`+
		`<text x="30" y="324" font-size="19" fill="#dfe6ee">%s</text>`+
		`<rect x="30" y="342" width="360" height="10" rx="5" fill="#fff" fill-opacity=".16"/><rect x="30" y="342" width="%d" height="10" rx="5" fill="hsl(%d,70%%,62%%)"/>`+
		`<text x="30" y="388" font-size="15" fill="#fff" fill-opacity=".65">%s · until %s UTC</text></svg>`,
		hue, (hue+40)%360, hue, hue, fontFor(s.App, 30, 240), html.EscapeString(s.App), PowerText(s.Power), hue, s.Slots, plural(s.Slots),
		html.EscapeString(leftText(left)), bar, hue, html.EscapeString(s.short()), time.Unix(s.ExpiresAt, 0).UTC().Format("2006-01-02 15:04"))
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(svg))
}

// start is from when on its time is drawn.
func (s Socket) start() int64 {
	if s.Sold() {
		return s.SoldAt
	}
	return s.MintedAt
}

func (s Socket) short() string { return s.Id[:min(9, len(s.Id))] }

// fontFor shrinks a font until a text fits a width, at about 0.6 of its size for a letter.
func fontFor(text string, size, width int) int {
	return max(min(size, width*10/6/max(len([]rune(text)), 1)), 12)
}

func plural(n uint32) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// PowerText writes micro-E as E with what matters of its digits.
func PowerText(micro uint64) string {
	switch whole, part := micro/MicroE, micro%MicroE; {
	case whole >= 1000:
		return fmt.Sprint(whole)
	case whole >= 10:
		return fmt.Sprintf("%d.%01d", whole, part/100_000)
	case whole >= 1:
		return fmt.Sprintf("%d.%02d", whole, part/10_000)
	default:
		return strings.TrimRight(fmt.Sprintf("0.%06d", part), "0")
	}
}

// EHoursText writes micro-E seconds as E-hours.
func EHoursText(microESeconds math.Int) string {
	return PowerText(math.MinInt(microESeconds.QuoRaw(hour), math.NewInt(MaxAmount)).Uint64())
}

// leftText writes seconds as people say them.
func leftText(seconds int64) string {
	switch {
	case seconds <= 0:
		return "expired"
	case seconds >= 2*day:
		return fmt.Sprintf("%d days left", seconds/day)
	case seconds >= 2*hour:
		return fmt.Sprintf("%d hours left", seconds/hour)
	default:
		return fmt.Sprintf("%d minutes left", (seconds+59)/60)
	}
}

// Describe is what wallets and explorers show, in block time.
func (s Socket) Describe(now int64) *Metadata {
	until := time.Unix(s.ExpiresAt, 0).UTC().Format("2006-01-02 15:04 UTC")
	return &Metadata{
		Name:        fmt.Sprintf("%s · %s E until %s", s.App, PowerText(s.Power), until),
		Description: "Computing power on the EMC network: plug it in and run calls and jobs of this app on its node. Use `emcd socket show` for what is left of it.",
		Image:       s.Picture(now),
		Attributes: []Attribute{
			{TraitType: "App", Value: s.App},
			{TraitType: "Power", Value: PowerText(s.Power) + " E"},
			{TraitType: "Slots", Value: fmt.Sprint(s.Slots)},
			{TraitType: "Node", Value: s.Node},
			{TraitType: "Valid until", Value: until},
			{TraitType: "Royalty", Value: fmt.Sprintf("%d.%02d %%", s.Royalty/100, s.Royalty%100)},
		},
	}
}
