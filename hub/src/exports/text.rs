//! The words of the export pages.

use crate::pages::text::texts;

texts! {
    exports = "导出", "Exports";
    about = "在订单列表里筛选，再点“导出”。文件保留一天，只有本人可以下载。", "Narrow the list of orders, then choose Export. Files are kept for a day and are for whoever asked.";
    format = "格式", "Format";
    asked_at = "时间", "Asked for";
    orders = "订单数", "Orders";
    what = "范围", "Which orders";
    all_orders = "全部订单", "all orders";
    download = "下载", "Download";
    cancel = "取消", "Cancel";
    queued = "排队中", "waiting";
    running = "写入中", "being written";
    done = "完成", "ready";
    failed = "失败", "failed";
    cancelled = "已取消", "cancelled";
    expired = "已过期", "expired";
    none = "还没有导出。", "No exports yet.";
    gone = "文件已过期，或在另一台服务器上；请重新导出。", "The file has expired, or is on another hub; export it again.";
    action = "操作", "Action";
}
