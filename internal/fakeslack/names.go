package fakeslack

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // so that the zones below load on any machine
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// name is a name in its own script, and in ASCII letters for usernames.
type name struct{ native, latin string }

// culture has the names and time zones of people from one place.
type culture struct {
	locale        string // the language of their Slack
	zones         []string
	given, family []name
	titles        []string // in their own language, if any
	familyFirst   bool
	unspaced      bool // family and given name are written without a space
}

// Only family names that do not depend on gender, so that any two names go together.
var cultures = []culture{
	{locale: "en-GB", zones: []string{"Europe/London", "Europe/London", "America/New_York", "America/Chicago", "America/Los_Angeles", "America/St_Johns", "Australia/Sydney"},
		given:  names("Olivia Amelia Jack Harriet George Isla Theo Beatrix Callum Imogen Ravi Maeve Siân Zoë Renée Mary-Jane"),
		family: names("Marlow Finch Whitaker O’Connor Ashdown Patel Okafor-Bell Hargreaves Lindqvist Pryce Ellery Thorne St_John Brontë")},
	{locale: "fr-FR", zones: []string{"Europe/Paris", "America/Toronto"},
		titles: []string{"Développeuse front-end", "Chargé d’affaires"},
		given:  names("Chloé Léa Jérôme Aurélie François Maëlys Noël Anaïs Benoît Hélène"),
		family: names("Lefèvre Dubois Gagné L’Hôpital Béranger Desprès Côté Noël Mügler Guérin")},
	{locale: "de-DE", zones: []string{"Europe/Berlin", "Europe/Zurich"},
		titles: []string{"Geschäftsführung", "Werkstudentin"},
		given:  names("Jürgen Käthe Björn Sören Anneliese Lukas Grete Jörg Mareike Tobias"),
		family: names("Müller Weiß Schäfer Größmann von_Bülow Köhler Zündorf Vogt Krüger Hübner")},
	{locale: "es-ES", zones: []string{"Europe/Madrid", "America/Mexico_City"},
		given:  names("María José Íñigo Núria Begoña Andrés Lucía Martín Ximena Ángel"),
		family: names("Núñez García_Márquez Ibáñez Peña Gómez Ordóñez Muñoz Castañeda Rincón Solís")},
	{locale: "pt-BR", zones: []string{"America/Sao_Paulo", "Europe/Lisbon"},
		given:  names("João Conceição Inês Thiago Luísa Estêvão Letícia Mateus Antônio Júlia"),
		family: names("Gonçalves Magalhães Simões da_Conceição Araújo Leitão Guimarães Brandão Assunção Fragoso")},
	{locale: "pl-PL", zones: []string{"Europe/Warsaw"},
		given:  names("Łukasz Małgorzata Zdzisław Agnieszka Świętosława Michał Bożena Paweł Żaneta Jędrzej"),
		family: names("Wójcik Nowak Kowalczyk Wróbel Dudek Gołąb Krzyżak Zając Stępień Gołębiewicz")},
	{locale: "en-GB", zones: []string{"Atlantic/Reykjavik"},
		given:  names("Þóra Guðrún Sigurður Ásdís Ævar Örn Hjördís Björk Ragnheiður Snæbjörn"),
		family: names("Blöndal Thorlacius Briem Hafstein Kjaran Möller Nordal Zoëga Scheving Flygenring")},
	{locale: "tr-TR", zones: []string{"Europe/Istanbul"},
		given:  names("Ayşe Çağla İlker Gökçe Oğuz Şule Tuğba Emre Işıl Ümit"),
		family: names("Yıldız Öztürk Şahin Çelik Güneş Kılıç Aydın Doğan Koç Ünal")},
	{locale: "uk-UA", zones: []string{"Europe/Kyiv"},
		titles: []string{"Інженер з якості"},
		given:  names("Олена:Olena Тарас:Taras Соломія:Solomiia Богдан:Bohdan Ярина:Yaryna Андрій:Andrii Оксана:Oksana Юрій:Yurii Мар’яна:Mariana Назар:Nazar"),
		family: names("Шевченко:Shevchenko Коваленко:Kovalenko Бондар:Bondar Мельник:Melnyk Ткачук:Tkachuk Гончар:Honchar Кравець:Kravets Лисенко:Lysenko Швець:Shvets Їжак:Yizhak")},
	{locale: "en-GB", zones: []string{"Europe/Athens"},
		given:  names("Ελένη:Eleni Γιώργος:Giorgos Δέσποινα:Despoina Νίκος:Nikos Χρυσάνθη:Chrysanthi Άγγελος:Angelos Ιωάννα:Ioanna Θανάσης:Thanasis"),
		family: names("Παπαγεωργίου:Papageorgiou Οικονόμου:Oikonomou Αλεξίου:Alexiou Ιωάννου:Ioannou Βασιλείου:Vasileiou Γεωργίου:Georgiou Νικολάου:Nikolaou Αθανασίου:Athanasiou")},
	{locale: "en-US", zones: []string{"Africa/Cairo", "Asia/Dubai"},
		titles: []string{"مهندس برمجيات", "مدير المنتج"},
		given:  names("ليلى:Layla يوسف:Youssef فاطمة:Fatima عمر:Omar نور:Nour خالد:Khaled مريم:Maryam طارق:Tariq سلمى:Salma هدى:Huda"),
		family: names("الحداد:Al-Haddad منصور:Mansour النجار:El-Naggar حسين:Hussein الخطيب:Al-Khatib عبد_الله:Abdullah صالح:Saleh الشافعي:El-Shafei")},
	{locale: "en-US", zones: []string{"Asia/Jerusalem"},
		titles: []string{"מנהל מוצר"},
		given:  names("נועה:Noa איתי:Itay תמר:Tamar יונתן:Yonatan שירה:Shira אורי:Uri מיכל:Michal דוד:David"),
		family: names("כהן:Cohen לוי:Levi מזרחי:Mizrahi פרידמן:Friedman אברהמי:Avrahami שפירא:Shapira בן־דוד:Ben-David גולן:Golan")},
	{locale: "en-IN", zones: []string{"Asia/Kolkata", "Asia/Kathmandu"},
		given:  names("अनन्या:Ananya अर्जुन:Arjun प्रिया:Priya विक्रम:Vikram काव्या:Kavya रोहन:Rohan दीपिका:Deepika सिद्धार्थ:Siddharth मीरा:Meera लक्ष्मी:Lakshmi"),
		family: names("शर्मा:Sharma पटेल:Patel वर्मा:Verma गुप्ता:Gupta जोशी:Joshi मिश्रा:Mishra कुलकर्णी:Kulkarni चौधरी:Chaudhary")},
	{locale: "en-US", zones: []string{"Asia/Colombo"},
		given:  names("அனிதா:Anitha கார்த்திக்:Karthik மீனாட்சி:Meenakshi செந்தில்:Senthil கவிதா:Kavitha முருகன்:Murugan"),
		family: names("சுப்பிரமணியன்:Subramanian இராமசாமி:Ramasamy பாலசுந்தரம்:Balasundaram கந்தசாமி:Kandasamy")},
	{locale: "zh-CN", zones: []string{"Asia/Shanghai", "Asia/Taipei"}, familyFirst: true, unspaced: true,
		titles: []string{"产品经理"},
		given:  names("小明:Xiaoming 婷婷:Tingting 伟:Wei 思远:Siyuan 雨桐:Yutong 建国:Jianguo 欣怡:Xinyi 浩然:Haoran 静:Jing 子涵:Zihan"),
		family: names("王:Wang 李:Li 张:Zhang 刘:Liu 陈:Chen 欧阳:Ouyang 黄:Huang 赵:Zhao 吴:Wu 𠮷:Ji")},
	{locale: "ja-JP", zones: []string{"Asia/Tokyo"}, familyFirst: true,
		titles: []string{"デザイナー", "営業部長"},
		given:  names("さくら:Sakura 健太:Kenta 美咲:Misaki 大輔:Daisuke ひかり:Hikari 翔:Sho ゆかり:Yukari アンナ:Anna 直樹:Naoki 恵子:Keiko"),
		family: names("佐藤:Sato 鈴木:Suzuki 高橋:Takahashi 田中:Tanaka 渡邉:Watanabe 小林:Kobayashi 五十嵐:Igarashi 髙木:Takagi")},
	{locale: "ko-KR", zones: []string{"Asia/Seoul"}, familyFirst: true, unspaced: true,
		titles: []string{"백엔드 개발자"},
		given:  names("민준:Minjun 서연:Seoyeon 지호:Jiho 하은:Haeun 도윤:Doyun 수빈:Subin 예린:Yerin 현우:Hyunwoo"),
		family: names("김:Kim 이:Lee 박:Park 최:Choi 정:Jung 강:Kang 윤:Yoon 남궁:Namgung")},
	{locale: "th-TH", zones: []string{"Asia/Bangkok"},
		given:  names("สมชาย:Somchai มาลี:Malee ณัฐวุฒิ:Nattawut พิมพ์ชนก:Pimchanok อนันต์:Anan สุภาพร:Supaporn ธนกร:Thanakorn ชนิดา:Chanida"),
		family: names("ศรีสุวรรณ:Srisuwan วงศ์ไทย:Wongthai จันทร์เพ็ญ:Chanpen ทองคำ:Thongkham แสงอรุณ:Saengarun บุญมี:Boonmee")},
	{locale: "vi-VN", zones: []string{"Asia/Ho_Chi_Minh"}, familyFirst: true,
		given:  names("Thị_Hương Văn_Đức Minh_Tuấn Ngọc_Ánh Quốc_Bảo Thuỳ_Linh Hữu_Phước Khánh_Vy"),
		family: names("Nguyễn Trần Lê Phạm Huỳnh Đặng Bùi Đỗ Vũ Hoàng")},
	{locale: "en-GB", zones: []string{"Africa/Lagos"},
		given:  names("Adébáyọ̀ Ọmọ́tọ́lá Fúnmiláyọ̀ Olúwaṣeun Títílayọ̀ Ayọ̀délé Ìyábọ̀ Kẹ́hìndé Chiọma Nnámdị"),
		family: names("Adéyẹmí Ògúnlẹ́yẹ Ọlátúnjí Akíntọ́lá Ṣówándé Balógun Ọ̀ṣọ́bà Àjàyí Okonkwọ")},
	{locale: "en-US", zones: []string{"Africa/Addis_Ababa"},
		given:  names("ሰላም:Selam ዳዊት:Dawit ሕይወት:Hiwot አበበ:Abebe መስከረም:Meskerem ዮናስ:Yonas"),
		family: names("ተስፋዬ:Tesfaye ገብረ:Gebre ኃይለ:Haile በቀለ:Bekele ታደሰ:Tadesse ወልደ:Wolde")},
	{locale: "en-US", zones: []string{"Asia/Tbilisi"},
		given:  names("ნინო:Nino გიორგი:Giorgi თამარ:Tamar ლუკა:Luka ქეთევან:Ketevan დავით:Davit"),
		family: names("ბერიძე:Beridze კაპანაძე:Kapanadze გელაშვილი:Gelashvili მაისურაძე:Maisuradze ლომიძე:Lomidze")},
}

// names parses names separated by spaces: "native" or "native:latin", with _ for a space inside a
// name. Without ":latin" the ASCII form is derived from the name.
func names(list string) []name {
	var all []name
	for entry := range strings.FieldsSeq(strings.ReplaceAll(list, ":", "\x00")) {
		native, latin, ok := strings.Cut(entry, "\x00")
		if !ok {
			latin = native
		}
		all = append(all, name{strings.ReplaceAll(native, "_", " "), ascii(latin)})
	}
	return all
}

// lettersApart are the letters that Unicode does not decompose into a base letter and marks.
var lettersApart = map[rune]string{
	'ł': "l", 'Ł': "L", 'đ': "d", 'Đ': "D", 'ð': "d", 'Ð': "D", 'þ': "th", 'Þ': "Th",
	'ß': "ss", 'æ': "ae", 'Æ': "Ae", 'ø': "o", 'Ø': "O", 'ı': "i",
}

// unaccented is the content of Slack's "_normalized" fields: Latin letters without accents, other
// scripts unchanged.
func unaccented(s string) string {
	var b strings.Builder
	afterLatin := false
	for _, r := range s {
		if unicode.Is(unicode.Mn, r) && afterLatin {
			continue
		}
		afterLatin = unicode.Is(unicode.Latin, r)
		if letters, ok := lettersApart[r]; ok {
			b.WriteString(letters)
			continue
		}
		if afterLatin {
			for _, d := range norm.NFD.String(string(r)) {
				if !unicode.Is(unicode.Mn, d) {
					b.WriteRune(d)
				}
			}
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// ascii returns the characters of a romanised name that a username may have, in lower case.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, strings.ToLower(unaccented(s)))
}

// zone is a time zone with the labels that Slack shows.
type zone struct {
	location           *time.Location
	standard, daylight string
}

// at returns label and offset (in seconds). They follow daylight saving time, without an event.
func (z zone) at(t time.Time) (label string, offset int) {
	local := t.In(z.location)
	_, offset = local.Zone()
	if local.IsDST() {
		return z.daylight, offset
	}
	return z.standard, offset
}

var zones = map[string]zone{}

func init() {
	for label, where := range map[string]string{
		"Greenwich Mean Time|British Summer Time":                           "Europe/London",
		"Greenwich Mean Time|":                                              "Atlantic/Reykjavik",
		"Western European Time|Western European Summer Time":                "Europe/Lisbon",
		"Central European Time|Central European Summer Time":                "Europe/Paris Europe/Berlin Europe/Zurich Europe/Madrid Europe/Warsaw",
		"Eastern European Time|Eastern European Summer Time":                "Europe/Kyiv Europe/Athens Africa/Cairo",
		"Eastern Standard Time|Eastern Daylight Time":                       "America/New_York America/Toronto",
		"Central Standard Time|Central Daylight Time":                       "America/Chicago America/Mexico_City",
		"Pacific Standard Time|Pacific Daylight Time":                       "America/Los_Angeles",
		"Newfoundland Standard Time|Newfoundland Daylight Time":             "America/St_Johns",
		"Brasilia Standard Time|Brasilia Summer Time":                       "America/Sao_Paulo",
		"Australian Eastern Standard Time|Australian Eastern Daylight Time": "Australia/Sydney",
		"Turkey Time|":        "Europe/Istanbul",
		"Gulf Standard Time|": "Asia/Dubai",
		"Israel Standard Time|Israel Daylight Time": "Asia/Jerusalem",
		"India Standard Time|":                      "Asia/Kolkata Asia/Colombo",
		"Nepal Time|":                               "Asia/Kathmandu",
		"China Standard Time|":                      "Asia/Shanghai",
		"Taipei Standard Time|":                     "Asia/Taipei",
		"Japan Standard Time|":                      "Asia/Tokyo",
		"Korea Standard Time|":                      "Asia/Seoul",
		"Indochina Time|":                           "Asia/Bangkok Asia/Ho_Chi_Minh",
		"West Africa Standard Time|":                "Africa/Lagos",
		"East Africa Time|":                         "Africa/Addis_Ababa",
		"Georgia Standard Time|":                    "Asia/Tbilisi",
	} {
		standard, daylight, _ := strings.Cut(label, "|")
		for name := range strings.FieldsSeq(where) {
			location, err := time.LoadLocation(name)
			if err != nil {
				panic(fmt.Sprintf("fakeslack: time zone %s: %v", name, err)) // embedded by time/tzdata
			}
			zones[name] = zone{location, standard, daylight}
		}
	}
}
