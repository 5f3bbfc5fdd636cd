package ui

import (
	"sync"
	"time"
)

// locations caches time zones by name, because the standard library reads them anew each time.
var locations sync.Map

// location returns nil for an unknown name.
func location(name string) *time.Location {
	if known, ok := locations.Load(name); ok {
		return known.(*time.Location) //nolint:forcetypeassert // nothing else is stored
	}
	if name == "" || name == "Local" {
		return nil
	}
	loaded, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	locations.Store(name, loaded)
	return loaded
}

// clock returns the time in a zone, and the place that the zone is named for; neither if there is no such zone.
func clock(now time.Time, name string) (at, place string) {
	z := location(name)
	if z == nil {
		return "", ""
	}
	return now.In(z).Format("15:04"), cityName(name)
}
