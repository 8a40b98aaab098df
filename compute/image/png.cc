#include "compute/image/png.h"

#include <png.h>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/image/exif.h"
#include "compute/image/image_error.h"
#include "compute/image/jump_guard.h"
#include "compute/image/png_chunks.h"

namespace nevus {
namespace {

// The most that deflate can compress (RFC 1951: 258 bytes in two bits).
constexpr int64_t kDeflateRatio = 1032;

// Channels for PNG's colour types 0 to 6; 0 for what does not exist.
constexpr int kChannels[] = {1, 0, 3, 1, 2, 0, 4};

// What libpng's callbacks know.
struct Reader {
  std::string_view rest;
  JumpGuard guard;
  bool truncated = false;
  char message[200] = "";
};

[[noreturn]] void OnError(png_structp png, png_const_charp message) {
  auto* reader = static_cast<Reader*>(png_get_error_ptr(png));
  std::snprintf(reader->message, sizeof(reader->message), "%s", message);
  reader->guard.Fail();
}

// About chunks that we do not read; what damages pixels is an error.
void OnWarning(png_structp png, png_const_charp message) {}

void Read(png_structp png, png_bytep to, size_t count) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  if (reader->rest.size() < count) {
    reader->truncated = true;
    reader->guard.Fail();
  }
  std::memcpy(to, reader->rest.data(), count);
  reader->rest.remove_prefix(count);
}

// Over white, as a page or a browser shows it: c a + 255 (1 - a), a in 0 to 1.
void FlattenOverWhite(const std::vector<uint8_t>& rgba, uint8_t* rgb) {
  for (size_t at = 0; at < rgba.size(); at += 4, rgb += 3) {
    const int alpha = rgba[at + 3];
    for (int c = 0; c < 3; ++c) {
      rgb[c] = static_cast<uint8_t>(
          (rgba[at + c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
}

}  // namespace

absl::StatusOr<StoredHeader> ReadPngHeader(std::string_view bytes) {
  PngChunks chunks(bytes);
  ASSIGN_OR_RETURN(const PngChunk first, chunks.Next());
  if (first.type != "IHDR" || first.data.size() != 13) {
    return ImageCorrupt("the PNG does not begin with its header");
  }
  if (!first.ChecksumHolds()) {
    return ImageCorrupt("the checksum of the PNG header is wrong");
  }
  const uint32_t width = PngNumber(first.data);
  const uint32_t height = PngNumber(first.data.substr(4));
  constexpr uint32_t kMaxSide = std::numeric_limits<int32_t>::max();
  if (width == 0 || height == 0 || width > kMaxSide || height > kMaxSide) {
    return ImageCorrupt(
        absl::StrCat("its size by the header is ", width, "x", height));
  }
  const size_t depth = static_cast<uint8_t>(first.data[8]);
  const size_t colour = static_cast<uint8_t>(first.data[9]);
  if (colour >= std::size(kChannels) || kChannels[colour] == 0 || depth > 16) {
    return ImageCorrupt(absl::StrCat("its PNG colour type is ", colour,
                                     " with depth ", depth,
                                     ", which does not exist"));
  }
  StoredHeader header;
  header.width = static_cast<int>(width);
  header.height = static_cast<int>(height);
  // Divided before it is multiplied, so that it fits.
  header.least_bytes = int64_t{header.width} * header.height /
                       (8 * kDeflateRatio) * kChannels[colour] *
                       static_cast<int64_t>(depth);
  // eXIf may stand before or after the pixels. A file that ends early is found
  // out when its pixels are read.
  while (true) {
    const absl::StatusOr<PngChunk> chunk = chunks.Next();
    if (!chunk.ok() || chunk->type == "IEND") break;
    if (chunk->type != "eXIf") continue;
    header.orientation = ReadOrientation(chunk->data);
    break;
  }
  return header;
}

absl::Status DecodePng(std::string_view bytes, const StoredHeader& header,
                       uint8_t* rgb) {
  Reader reader;
  reader.rest = bytes;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader,
                                           OnError, OnWarning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  if (info == nullptr) {
    png_destroy_read_struct(&png, nullptr, nullptr);
    return absl::ResourceExhaustedError(
        "no memory to decode a PNG; try again when less is running");
  }

  bool has_alpha = false;
  const bool begun = reader.guard.Run([&] {
    png_set_read_fn(png, &reader, Read);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    // Texts, profiles and the like are skipped unread: a small one may inflate
    // to gigabytes, and gamma must not change the pixels.
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png, info);
    png_set_expand(png);    // palette, 1, 2, 4 bit, tRNS -> 8 bit, alpha
    png_set_scale_16(png);  // 16 bit -> 8, rounded
    png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    has_alpha = png_get_channels(png, info) == 4;
  });
  // Adam7 comes in seven passes over all rows, so the whole image is kept.
  std::vector<uint8_t> rgba(
      begun && has_alpha ? size_t{4} * header.width * header.height : 0);
  const bool decoded = begun && reader.guard.Run([&] {
    const int passes = png_get_interlace_type(png, info) == PNG_INTERLACE_NONE
                           ? 1
                           : PNG_INTERLACE_ADAM7_PASSES;
    uint8_t* const to = has_alpha ? rgba.data() : rgb;
    const size_t row_bytes = size_t{has_alpha ? 4u : 3u} * header.width;
    // The memory was taken on the word of ReadPngHeader.
    if (png_get_rowbytes(png, info) != row_bytes ||
        png_get_image_height(png, info) !=
            static_cast<uint32_t>(header.height)) {
      png_error(png, "rows of unexpected size");
    }
    for (int pass = 0; pass < passes; ++pass) {
      for (int y = 0; y < header.height; ++y) {
        png_read_row(png, to + y * row_bytes, nullptr);
      }
    }
    png_read_end(png, nullptr);  // reads to the end chunk
  });
  png_destroy_read_struct(&png, &info, nullptr);

  if (decoded) {
    if (has_alpha) FlattenOverWhite(rgba, rgb);
    return absl::OkStatus();
  }
  if (reader.truncated) {
    return ImageTruncated("the PNG data stop before their end chunk");
  }
  return ImageCorrupt(absl::StrCat("libpng says \"", reader.message, "\""));
}

}  // namespace nevus
