"""Vietnamese for what the framework and Pydantic say in English."""

from collections.abc import Mapping
from typing import Any

PHRASES = {
    400: "Yêu cầu không hợp lệ",
    401: "Chưa xác thực",
    403: "Không có quyền",
    404: "Không tìm thấy",
    405: "Phương thức không được phép",
    406: "Không thể đáp ứng định dạng",
    409: "Xung đột trạng thái",
    410: "Không còn nữa",
    412: "Bản ghi đã thay đổi",
    413: "Yêu cầu quá lớn",
    415: "Định dạng không được hỗ trợ",
    422: "Dữ liệu không hợp lệ",
    428: "Thiếu điều kiện tiên quyết",
    429: "Quá nhiều yêu cầu",
    500: "Lỗi hệ thống",
    503: "Tạm thời không phục vụ được",
    504: "Quá thời gian chờ",
}

VALIDATION = {
    "missing": "Thiếu trường bắt buộc",
    "extra_forbidden": "Trường không được biết đến",
    "json_invalid": "Nội dung không phải JSON hợp lệ",
    "string_type": "Phải là chuỗi ký tự",
    "string_too_short": "Ít nhất {min_length} ký tự",
    "string_too_long": "Nhiều nhất {max_length} ký tự",
    "string_pattern_mismatch": "Không đúng mẫu {pattern}",
    "int_type": "Phải là số nguyên",
    "int_parsing": "Phải là số nguyên",
    "int_from_float": "Phải là số nguyên",
    "bool_type": "Phải là đúng hoặc sai",
    "bool_parsing": "Phải là đúng hoặc sai",
    "greater_than": "Phải lớn hơn {gt}",
    "greater_than_equal": "Phải từ {ge} trở lên",
    "less_than": "Phải nhỏ hơn {lt}",
    "less_than_equal": "Phải từ {le} trở xuống",
    "literal_error": "Phải là một trong: {expected}",
    "enum": "Phải là một trong: {expected}",
    "date_type": "Phải là ngày (năm-tháng-ngày)",
    "date_parsing": "Phải là ngày (năm-tháng-ngày)",
    "date_from_datetime_parsing": "Phải là ngày (năm-tháng-ngày)",
    "date_from_datetime_inexact": "Phải là ngày, không kèm giờ",
    "datetime_parsing": "Phải là thời điểm RFC 3339",
    "timezone_aware": "Thời điểm phải có múi giờ",
    "uuid_type": "Phải là UUID",
    "uuid_parsing": "Phải là UUID",
    "list_type": "Phải là danh sách",
    "too_long": "Nhiều nhất {max_length} phần tử",
    "too_short": "Ít nhất {min_length} phần tử",
    "model_type": "Phải là một đối tượng",
    "model_attributes_type": "Phải là một đối tượng",
    "dict_type": "Phải là một đối tượng",
}


def in_vietnamese(kind: str, values: Mapping[str, Any]) -> str:
    """The Vietnamese sentence for a Pydantic error type; a rule of ours carries its own in `values["vi"]`."""
    if "vi" in values:
        return str(values["vi"])
    try:
        return VALIDATION.get(kind, "Giá trị không hợp lệ").format_map(values)
    except KeyError:
        return "Giá trị không hợp lệ"
