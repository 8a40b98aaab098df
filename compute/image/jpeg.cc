#include "compute/image/jpeg.h"

#include <cstddef>
#include <cstdio>  // jpeglib.h needs FILE
#include <optional>
#include <vector>

// clang-format off
#include <jpeglib.h>
#include <jerror.h>  // needs jpeglib.h before it
// clang-format on

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/image/exif.h"
#include "compute/image/image_error.h"
#include "compute/image/jpeg_segments.h"
#include "compute/image/jump_guard.h"

namespace nevus {
namespace {

// Encoders write ten or so. Each scan passes over the whole image, however few
// bytes it has, so their number decides what a hostile file can cost.
constexpr int kMaxScans = 64;
constexpr char kTooManyScans[] = "it has more than 64 JPEG scans";

bool IsFrameHeader(uint8_t marker) {
  return marker >= jpeg::kSof0 && marker <= jpeg::kSof15 &&
         marker != jpeg::kDht && marker != jpeg::kJpg && marker != jpeg::kDac;
}

absl::StatusOr<StoredHeader> ParseFrameHeader(const JpegSegment& segment) {
  switch (segment.marker - jpeg::kSof0) {
    case 0:  // baseline
    case 1:  // extended
    case 2:  // progressive
      break;
    case 9:
    case 10:
      return ImageUnsupported("a JPEG with arithmetic coding");
    default:
      return ImageUnsupported("a lossless or hierarchical JPEG");
  }
  if (segment.payload.size() < 6) {
    return ImageCorrupt("the JPEG frame header is too short");
  }
  const auto byte = [&](size_t i) {
    return static_cast<uint8_t>(segment.payload[i]);
  };
  if (byte(0) != 8) {
    return ImageUnsupported(
        absl::StrCat("a JPEG with ", byte(0), " bits a sample instead of 8"));
  }
  const int components = byte(5);
  if (components != 1 && components != 3 && components != 4) {
    return ImageUnsupported(
        absl::StrCat("a JPEG with ", components, " colours"));
  }
  StoredHeader header;
  header.height = byte(1) << 8 | byte(2);
  header.width = byte(3) << 8 | byte(4);
  if (header.width == 0 || header.height == 0) {
    return ImageCorrupt(absl::StrCat("its size by the header is ", header.width,
                                     "x", header.height));
  }
  // A block of 8x8 pixels takes one bit at least: the Huffman code of its mean.
  header.least_bytes =
      int64_t{(header.width + 7) / 8} * ((header.height + 7) / 8) / 8;
  return header;
}

// What libjpeg's callbacks know. `manager` is first, so that its address is the
// address of the whole.
struct ErrorHandler {
  jpeg_error_mgr manager;
  JumpGuard guard;
  const char* ours = nullptr;  // what is wrong, where libjpeg did not mind

  static ErrorHandler& Of(j_common_ptr info) {
    return *reinterpret_cast<ErrorHandler*>(info->err);
  }
};

[[noreturn]] void Exit(j_common_ptr info) {
  ErrorHandler::Of(info).guard.Fail();
}

// libjpeg goes on after a warning and makes pixels up; we do not.
void OnMessage(j_common_ptr info, int level) {
  if (level >= 0) return;  // a trace
  const jpeg_error_mgr& error = *info->err;
  const bool harmless = error.msg_code == JWRN_ADOBE_XFORM ||
                        error.msg_code == JWRN_JFIF_MAJOR ||
                        error.msg_code == JWRN_NOT_SEQUENTIAL ||
                        (error.msg_code == JWRN_EXTRANEOUS_DATA &&
                         error.msg_parm.i[0] <= kMaxStrayBytes);
  if (!harmless) Exit(info);
}

// Called by libjpeg again and again while it reads.
void CountScans(j_common_ptr info) {
  const auto* decompress = reinterpret_cast<jpeg_decompress_struct*>(info);
  if (decompress->input_scan_number > kMaxScans) {
    ErrorHandler::Of(info).ours = kTooManyScans;
    Exit(info);
  }
}

absl::Status ToStatus(j_common_ptr info) {
  if (const char* ours = ErrorHandler::Of(info).ours) return ImageCorrupt(ours);
  switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JERR_INPUT_EOF:
      return ImageTruncated("the JPEG data stop before their end marker");
    case JERR_OUT_OF_MEMORY:
      return absl::ResourceExhaustedError(
          "no memory to decode a JPEG; try again when less is running");
    default:
      break;
  }
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  return ImageCorrupt(absl::StrCat("libjpeg says \"", text, "\""));
}

// Full strength of ink is 0 where Adobe wrote the file, else 255. The light
// that comes through two inks is the product of what each lets through: R =
// (255 - C) (255 - K) / 255, rounded.
void CmykToRgb(const uint8_t* cmyk, int width, bool inverted, uint8_t* rgb) {
  const int flip = inverted ? 0 : 255;
  for (int x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int key = cmyk[3] ^ flip;
    for (int c = 0; c < 3; ++c) {
      rgb[c] = static_cast<uint8_t>(((cmyk[c] ^ flip) * key + 127) / 255);
    }
  }
}

}  // namespace

absl::StatusOr<StoredHeader> ReadJpegHeader(std::string_view bytes) {
  JpegSegments segments(bytes);
  std::optional<StoredHeader> frame;
  std::optional<int> orientation;
  while (true) {
    ASSIGN_OR_RETURN(const JpegSegment segment, segments.Next());
    if (IsFrameHeader(segment.marker) && !frame) {
      ASSIGN_OR_RETURN(frame, ParseFrameHeader(segment));
    } else if (segment.marker == jpeg::kApp1 && !orientation &&
               segment.payload.substr(0, jpeg::kExifPrefix.size()) ==
                   jpeg::kExifPrefix) {
      orientation =
          ReadOrientation(segment.payload.substr(jpeg::kExifPrefix.size()));
    } else if (segment.marker == jpeg::kSos || segment.marker == jpeg::kEoi) {
      break;
    }
  }
  if (!frame) return ImageCorrupt("the JPEG has no frame header");
  frame->orientation = orientation.value_or(1);
  return *frame;
}

absl::Status DecodeJpeg(std::string_view bytes, const StoredHeader& header,
                        int reduction, uint8_t* rgb) {
  const int width = ReducedSide(header.width, reduction);
  const int height = ReducedSide(header.height, reduction);
  ErrorHandler error;
  jpeg_progress_mgr progress = {};
  progress.progress_monitor = CountScans;
  jpeg_decompress_struct info = {};
  const auto common = reinterpret_cast<j_common_ptr>(&info);
  info.err = jpeg_std_error(&error.manager);
  error.manager.error_exit = Exit;
  error.manager.emit_message = OnMessage;
  std::vector<uint8_t> cmyk(size_t{4} * width);

  const bool decoded = error.guard.Run([&] {
    jpeg_create_decompress(&info);
    info.progress = &progress;
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()),
                 bytes.size());
    jpeg_read_header(&info, TRUE);
    // The memory behind `rgb` was taken on the word of ReadJpegHeader.
    if (info.image_width != static_cast<JDIMENSION>(header.width) ||
        info.image_height != static_cast<JDIMENSION>(header.height)) {
      error.ours = "its JPEG headers disagree about its size";
      Exit(common);
    }
    // All else stays libjpeg's default, the accurate integer DCT and smooth
    // upsampling: what other programs see is what we see.
    const bool inks = info.num_components == 4;
    info.out_color_space = inks ? JCS_CMYK : JCS_RGB;
    info.scale_num = 1;
    info.scale_denom = static_cast<unsigned>(reduction);
    jpeg_start_decompress(&info);
    if (info.output_width != static_cast<JDIMENSION>(width) ||
        info.output_height != static_cast<JDIMENSION>(height)) {
      error.ours = "it does not decode to the size that its header promises";
      Exit(common);
    }
    while (info.output_scanline < info.output_height) {
      uint8_t* to = rgb + size_t{3} * width * info.output_scanline;
      JSAMPROW row = inks ? cmyk.data() : to;
      jpeg_read_scanlines(&info, &row, 1);
      if (inks) {
        CmykToRgb(row, width, info.saw_Adobe_marker != FALSE, to);
      }
    }
    jpeg_finish_decompress(&info);  // reads to the end marker
  });
  const absl::Status status = decoded ? absl::OkStatus() : ToStatus(common);
  jpeg_destroy_decompress(&info);
  return status;
}

}  // namespace nevus
