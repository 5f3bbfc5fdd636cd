package fakeslack

// span is how many people report to one manager.
const span = 7

// employ gives p a place in the tree of managers: below the first who has room. The primary
// owner is at the top, and the departments are those of the next level.
func (w *Workspace) employ(p *person) {
	if p.fields == nil {
		p.fields = map[string]string{}
	}
	n := len(w.staff)
	w.staff = append(w.staff, p)
	if p.kind == member && !p.deleted {
		w.managers = append(w.managers, p)
	}
	switch {
	case n == 0:
		p.title = "Chief Executive Officer"
		delete(p.fields, fieldDepartment)
		return
	case n <= span:
		p.title = "Head of " + departments[n-1]
		p.fields[fieldDepartment] = departments[n-1]
	}
	boss := w.managers[(n-1)/span]
	p.fields[fieldManager] = boss.id
	if department := boss.fields[fieldDepartment]; department != "" {
		p.fields[fieldDepartment] = department
	}
	if p.index%3 != 0 {
		p.fields[fieldOffice] = offices[p.index%uint64(len(offices))]
	}
}
