package fakeslack

import (
	"hash/fnv"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// imageSizes are the sizes of Slack's image_… fields, in pixels. Only uploaded pictures have
// sizes above maxGeneratedImage.
var imageSizes = []int{24, 32, 48, 72, 192, 512, 1024}

const maxGeneratedImage = 512

// forgottenColour is the avatar's of somebody whom Slack has forgotten.
const forgottenColour = "616061"

// avatar serves <id>-<size>.png: coloured discs, different for everybody.
func (w *Workspace) avatar(rw http.ResponseWriter, r *http.Request) {
	id, sizeText, _ := strings.Cut(strings.TrimSuffix(r.PathValue("file"), ".png"), "-")
	size, err := strconv.Atoi(sizeText)
	colour, ok := w.colourOf(id)
	if err != nil || !ok || !slices.Contains(imageSizes, size) {
		http.NotFound(rw, r)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "image/png")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=3600")
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(rw, discs(id, colour, size)); err != nil {
		w.options.Log.DebugContext(r.Context(), "avatar not sent", "error", err)
	}
}

func (w *Workspace) colourOf(id string) (colour string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.find(id)
	if p == nil {
		return "", false
	}
	if p.forgotten {
		return forgottenColour, true
	}
	return p.color, true
}

// discs draws a darker and a lighter disc on a colour, which is six hexadecimal digits. Where they are depends on the id.
func discs(id, colour string, size int) image.Image {
	seed := fnv.New64a()
	seed.Write([]byte(id))
	random := rand.New(rand.NewPCG(seed.Sum64(), 0))
	dark := disc{color.RGBA{A: 255}, 0.2, random.Float64(), random.Float64(), 0.3 + 0.3*random.Float64()}
	light := disc{color.RGBA{255, 255, 255, 255}, 0.4, random.Float64(), random.Float64(), 0.3 + 0.3*random.Float64()}
	rgb, _ := strconv.ParseUint(colour, 16, 32) // without a colour it is black
	ground := color.RGBA{uint8(rgb >> 16), uint8(rgb >> 8), uint8(rgb), 255}
	picture := image.NewRGBA(image.Rect(0, 0, size, size))
	for x := range size {
		for y := range size {
			picture.SetRGBA(x, y, light.over(dark.over(ground, x, y, size), x, y, size))
		}
	}
	return picture
}

// disc has its centre and radius in parts of the picture's size.
type disc struct {
	colour       color.RGBA
	opacity      float64
	x, y, radius float64
}

func (d disc) over(ground color.RGBA, x, y, size int) color.RGBA {
	scale := float64(size)
	inside := d.radius*scale - math.Hypot(float64(x)+0.5-d.x*scale, float64(y)+0.5-d.y*scale) // in pixels from the edge
	share := d.opacity * min(max(inside+0.5, 0), 1)
	mix := func(below, above uint8) uint8 { return uint8((1-share)*float64(below) + share*float64(above)) }
	return color.RGBA{mix(ground.R, d.colour.R), mix(ground.G, d.colour.G), mix(ground.B, d.colour.B), 255}
}
