"""Files of each kind that Everpost reads, made of given lines of ASCII text. Standard library only.

Each maker takes the lines and returns the file's bytes; the same lines give the same bytes.
"""

import csv
import email.message
import io
import struct
import zipfile
import zlib
from xml.sax.saxutils import escape

DECLARED = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def html(lines):
    body = "\n".join(f'<p class="n">{escape(line)}</p>' for line in lines)
    style = "<style>.n { margin: 0 }</style>"
    return f"<!doctype html><html><head><meta charset=utf-8><title>{lines[0]}</title>{style}</head><body>\n{body}\n</body></html>\n".encode()


def cells(line, width=3):
    words = line.split()
    return [" ".join(words[at : at + width]) for at in range(0, len(words), width)]


def table(lines):
    out = io.StringIO()
    csv.writer(out).writerows(cells(line) for line in lines)
    return out.getvalue().encode()


def pages(lines, length):
    return [lines[at : at + length] for at in range(0, len(lines), length)]


def pdf(lines):
    """Pages of 56 lines in Helvetica, their content compressed."""
    sheets = pages(lines, 56)
    kids = " ".join(f"{4 + 2 * at} 0 R" for at in range(len(sheets)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(sheets)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for at, sheet in enumerate(sheets):
        shown = ("".join(f"({escape_pdf(line)}) Tj T*\n" for line in sheet)).encode()
        content = zlib.compress(b"BT /F1 10 Tf 13 TL 56 790 Td\n" + shown + b"ET\n")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * at} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        head = f"<< /Length {len(content)} /Filter /FlateDecode >>\nstream\n".encode()
        objects.append(head + content + b"\nendstream")
    out, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    rows = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    tail = f"xref\n0 {size}\n0000000000 65535 f \n{rows}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return bytes(out) + tail.encode()


def escape_pdf(line):
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def packed(members):
    """A ZIP of (name, text); a first member called `mimetype` is stored, as OpenDocument wants it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members:
            info = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(info, text)
    return out.getvalue()


OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def office(main, kind, parts, related=()):
    """An Office Open XML package: `parts` of (name, type, XML), of which `main` is the document."""
    base = "application/vnd.openxmlformats-officedocument."
    types = "".join(f'<Override PartName="/{name}" ContentType="{base}{type}+xml"/>' for name, type, _ in parts)
    names = "http://schemas.openxmlformats.org/package/2006/content-types"
    rels = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    yield "[Content_Types].xml", f'{DECLARED}<Types xmlns="{names}">{rels}{types}</Types>'
    yield "_rels/.rels", relations([("officeDocument", main)])
    if related:
        yield f"{kind}/_rels/{main.split('/')[-1]}.rels", relations(related)
    for name, _, xml in parts:
        yield name, DECLARED + xml


def relations(targets):
    names = "http://schemas.openxmlformats.org/package/2006/relationships"
    row = '<Relationship Id="rId{}" Type="{}/{}" Target="{}"/>'
    rows = "".join(row.format(at, OFFICE, type, target) for at, (type, target) in enumerate(targets, 1))
    return f'{DECLARED}<Relationships xmlns="{names}">{rows}</Relationships>'


def docx(lines):
    namespace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    run = '<w:p><w:pPr><w:spacing w:after="0"/></w:pPr><w:r><w:rPr><w:sz w:val="22"/></w:rPr><w:t xml:space="preserve">{}</w:t></w:r></w:p>'
    body = "".join(run.format(escape(line)) for line in lines)
    document = f'<w:document xmlns:w="{namespace}"><w:body>{body}</w:body></w:document>'
    return packed(office("word/document.xml", "word", [("word/document.xml", "wordprocessingml.document.main", document)]))


def xlsx(lines):
    """A line is a row; cells are shared strings, as spreadsheet programs write them."""
    main, strings, rows = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", {}, []
    for number, line in enumerate(lines, 1):
        row = ""
        for column, cell in enumerate(cells(line)):
            at = strings.setdefault(cell, len(strings))
            row += f'<c r="{chr(65 + column)}{number}" t="s"><v>{at}</v></c>'
        rows.append(f'<row r="{number}">{row}</row>')
    shared = "".join(f"<si><t>{escape(cell)}</t></si>" for cell in strings)
    sheets = '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets>'
    parts = [
        ("xl/workbook.xml", "spreadsheetml.sheet.main", f'<workbook xmlns="{main}" xmlns:r="{OFFICE}">{sheets}</workbook>'),
        ("xl/worksheets/sheet1.xml", "spreadsheetml.worksheet", f'<worksheet xmlns="{main}"><sheetData>{"".join(rows)}</sheetData></worksheet>'),
        ("xl/sharedStrings.xml", "spreadsheetml.sharedStrings", f'<sst xmlns="{main}" uniqueCount="{len(strings)}">{shared}</sst>'),
    ]
    return packed(office("xl/workbook.xml", "xl", parts, [("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml")]))


def pptx(lines):
    """Slides of 14 lines."""
    base = "http://schemas.openxmlformats.org"
    names = f'xmlns:a="{base}/drawingml/2006/main" xmlns:p="{base}/presentationml/2006/main" xmlns:r="{OFFICE}"'
    slides, ids, related = [], "", []
    for number, sheet in enumerate(pages(lines, 14), 1):
        text = "".join(f'<a:p><a:r><a:rPr lang="en-GB"/><a:t>{escape(line)}</a:t></a:r></a:p>' for line in sheet)
        shape = f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="Text"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/>{text}</p:txBody></p:sp>'
        tree = f'<p:spTree><p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>{shape}</p:spTree>'
        slides.append((f"ppt/slides/slide{number}.xml", "presentationml.slide", f"<p:sld {names}><p:cSld>{tree}</p:cSld></p:sld>"))
        ids += f'<p:sldId id="{255 + number}" r:id="rId{number}"/>'
        related.append(("slide", f"slides/slide{number}.xml"))
    show = f'<p:presentation {names}><p:sldIdLst>{ids}</p:sldIdLst><p:sldSz cx="9144000" cy="6858000"/><p:notesSz cx="6858000" cy="9144000"/></p:presentation>'
    parts = [("ppt/presentation.xml", "presentationml.presentation.main", show), *slides]
    return packed(office("ppt/presentation.xml", "ppt", parts, related))


def odt(lines):
    kind, names = "application/vnd.oasis.opendocument.text", "urn:oasis:names:tc:opendocument:xmlns:"
    body = "".join(f'<text:p text:style-name="Standard">{escape(line)}</text:p>' for line in lines)
    root = f'xmlns:office="{names}office:1.0" xmlns:text="{names}text:1.0" office:version="1.2"'
    body = f"<office:body><office:text>{body}</office:text></office:body>"
    content = f"<office:document-content {root}>{body}</office:document-content>"
    files = (("/", kind), ("content.xml", "text/xml"))
    entries = "".join(f'<manifest:file-entry manifest:full-path="{path}" manifest:media-type="{type}"/>' for path, type in files)
    manifest = f'<manifest:manifest xmlns:manifest="{names}manifest:1.0" manifest:version="1.2">{entries}</manifest:manifest>'
    return packed([("mimetype", kind), ("content.xml", DECLARED + content), ("META-INF/manifest.xml", DECLARED + manifest)])


def rtf(lines):
    body = "\n".join(f"\\pard\\plain\\f0\\fs22 {line}\\par" for line in lines)
    return f"{{\\rtf1\\ansi\\ansicpg1252\\deff0{{\\fonttbl{{\\f0\\fswiss\\fcharset0 Arial;}}}}\n{body}\n}}\n".encode()


def texts(lines):
    """A ZIP of four text files."""
    quarter = -(-len(lines) // 4)
    return packed([(f"part {at}.txt", "\n".join(sheet) + "\n") for at, sheet in enumerate(pages(lines, quarter), 1)])


def letter(lines):
    """A message."""
    message = email.message.EmailMessage()
    message["From"], message["To"] = "Nested Sender <nested@example.org>", "someone@example.org"
    message["Date"], message["Subject"] = "Mon, 01 Jan 2024 09:00:00 +0000", "An earlier message"
    message.set_content("\n".join(lines) + "\n", cte="7bit")
    return message.as_bytes()


def tnef(lines):
    """Outlook's winmail.dat: half of the text is its body, half a text file in it."""
    half = len(lines) // 2
    out = b"\x78\x9f\x3e\x22\x01\x00"
    for level, tag, data in (
        (1, 0x0001_8004, b"A subject\0"),
        (1, 0x0002_800C, "\r\n".join(lines[:half]).encode() + b"\0"),
        (2, 0x0006_9002, bytes(14)),
        (2, 0x0001_8010, b"notes.txt\0"),
        (2, 0x0006_800F, "\r\n".join(lines[half:]).encode()),
    ):
        out += struct.pack("<BII", level, tag, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)
    return out


# -- before 2007 --------------------------------------------------------------------------

SECTOR = 512
FREE, END, FAT = 0xFFFF_FFFF, 0xFFFF_FFFE, 0xFFFF_FFFD


def compound(streams):
    """An OLE compound file ([MS-CFB], version 3) of (name, bytes), sorted by length of name, then name."""
    # Streams of less than 4,096 bytes would lie in another stream: fill them up.
    streams = [(name, data.ljust(4096, b"\0")) for name, data in streams]
    counts = [-(-len(data) // SECTOR) for _, data in streams]
    directory = -(-(1 + len(streams)) // 4)
    rest = directory + sum(counts)
    tables = 1
    while tables * (SECTOR // 4) < tables + rest:
        tables += 1
    chain = [FAT] * tables + [*range(tables + 1, tables + directory), END]
    entries = [entry("Root Entry", 5, END, 0, child=1)]
    body = b""
    for at, ((name, data), count) in enumerate(zip(streams, counts), 1):
        start = len(chain)
        chain += [*range(start + 1, start + count), END]
        entries.append(entry(name, 2, start, len(data), right=at + 1 if at < len(streams) else FREE))
        body += data.ljust(count * SECTOR, b"\0")
    entries += [entry("", 0, 0, 0)] * (directory * 4 - len(entries))
    chain += [FREE] * (tables * (SECTOR // 4) - len(chain))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    head += struct.pack("<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, tables, tables, 0, 4096, END, 0, END, 0)
    head += struct.pack("<109I", *range(tables), *[FREE] * (109 - tables))
    return head + struct.pack(f"<{len(chain)}I", *chain) + b"".join(entries) + body


def entry(name, kind, start, size, right=FREE, child=FREE):
    wide = name.encode("utf-16-le")
    length = len(wide) + 2 if name else 0
    # Black, no left neighbour.
    return struct.pack("<64sHBBIII36xIII", wide, length, kind, 1, FREE, right, child, start, size, 0)


def xls(lines):
    """BIFF8 ([MS-XLS]): one sheet, its cells shared strings."""
    strings, labels = {}, b""
    for row, line in enumerate(lines):
        for column, cell in enumerate(cells(line)):
            at = strings.setdefault(cell.encode(), len(strings))
            labels += record(0x00FD, struct.pack("<HHHI", row, column, 0, at))
    # A record holds at most 8,224 bytes; what follows begins with a new string.
    chunks = [struct.pack("<II", len(strings), len(strings))]
    for cell in strings:
        stored = struct.pack("<HB", len(cell), 0) + cell
        if len(chunks[-1]) + len(stored) > 8224:
            chunks.append(b"")
        chunks[-1] += stored
    shared = record(0x00FC, chunks[0]) + b"".join(record(0x003C, chunk) for chunk in chunks[1:])

    def begin(kind):
        return record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0x0DBB, 1997, 0, 6))

    def book(offset):
        sheet = struct.pack("<IHBB", offset, 0, 6, 0) + b"Sheet1"
        return begin(5) + record(0x0042, b"\xb0\x04") + record(0x0085, sheet) + shared + record(0x000A, b"")

    sheet = begin(0x10) + record(0x0200, struct.pack("<IIHHH", 0, len(lines), 0, 256, 0)) + labels + record(0x000A, b"")
    return compound([("Workbook", book(len(book(0))) + sheet)])


def record(kind, data):
    return struct.pack("<HH", kind, len(data)) + data


def doc(lines):
    """Word 97 ([MS-DOC]): one piece of text in Windows-1252 and the table that says where."""
    text, at = "".join(line + "\r" for line in lines).encode(), 0x600
    piece = struct.pack("<IIHIH", 0, len(text), 0, at * 2 | 0x4000_0000, 0)
    table = b"\x02" + struct.pack("<I", len(piece)) + piece
    places = [0] * 186
    places[66:68] = 0, len(table)
    base = struct.pack("<HHHHHHHIBBHHII", 0xA5EC, 0xC1, 0, 0x409, 0, 0x0200, 0xBF, 0, 0, 0, 0, 0, at, at + len(text))
    lengths = [at + len(text), 0, 0, len(text), *[0] * 18]
    fib = base + struct.pack("<H28xH22IH186IH", 14, 22, *lengths, 93, *places, 0)
    # The stream's name that sorts first comes first.
    return compound([("1Table", table), ("WordDocument", fib.ljust(at, b"\0") + text)])


def ppt(lines):
    """PowerPoint 97 ([MS-PPT]): slides of 14 lines, their text in the document's outline."""

    def atom(kind, data, version=0):
        return struct.pack("<HHI", version, kind, len(data)) + data

    sheets, outline, objects = pages(lines, 14), b"", []
    for number, sheet in enumerate(sheets, 1):
        outline += atom(0x03F3, struct.pack("<IIIII", number + 1, 0, 1, 255 + number, 0))
        outline += atom(0x0F9F, struct.pack("<I", 1)) + atom(0x0FA8, "\r".join(sheet).encode())
        objects.append(atom(0x03EE, atom(0x03EF, bytes(24), 2), 0xF))
    objects.insert(0, atom(0x03E8, atom(0x03E9, bytes(40), 1) + atom(0x0FF0, outline, 0xF), 0xF))
    stream, places = b"", []
    for content in objects:
        places.append(len(stream))
        stream += content
    directory = len(stream)
    stream += atom(0x1772, struct.pack(f"<I{len(places)}I", len(places) << 20 | 1, *places))
    edit = struct.pack("<IIIIIII", 0, 0x0300_0000, 0, directory, 1, len(places), 0)
    user = struct.pack("<IIIHHBBH", 20, 0xE391_C05F, len(stream), 4, 0x03F4, 3, 0, 0) + b"user" + struct.pack("<I", 8)
    return compound([("Current User", atom(0x0FF6, user)), ("PowerPoint Document", stream + atom(0x0FF5, edit))])
