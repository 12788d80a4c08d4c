//! Every word on the pages about accounts, people, roles and tokens, in both languages side by side.

use crate::pages::text::{Language, texts};

texts! {
    new_password = "新密码", "New password";
    repeat_password = "再输一次", "Once more";
    change_password = "修改密码", "Change password";
    password_changed = "密码已修改，其他会话已退出。", "The password was changed; other sessions were ended.";
    password_rules = "至少 12 个字符；不能包含用户名，不能是常见或有规律的密码。", "At least 12 characters; not your user name, nothing common, no pattern.";
    passwords_differ = "两次输入不同，请重新输入。", "The two entries differ; type them again.";
    wrong_password = "用户名或密码不对。", "User or password is wrong.";
    too_many_tries = "尝试太多，请稍后再试。", "Too many tries; wait a little.";
    first_login = "首次登录：用户名 admin，密码在数据目录的 first-login 文件里。", "First log-in: user admin; the password is in the file first-login in the data folder.";
    old_password = "当前密码", "Current password";
    sessions = "登录会话", "Sessions";
    device = "设备", "Device";
    began = "登录时间", "Began";
    last_used = "最近使用", "Last used";
    last_log_in = "最近登录", "Last log-in";
    this_one = "当前会话", "this one";
    end = "结束", "End";
    log_out_everywhere = "全部退出", "Log out everywhere";
    log_out_everywhere_about = "结束所有设备上的登录，包括这里。", "Ends your sessions on every device, this one as well.";
    people = "人员", "People";
    roles = "角色", "Roles";
    role = "角色", "Role";
    name = "用户名", "User name";
    name_rules = "a-z、0-9、. _ -，最多 64 个", "a-z, 0-9, . _ -, 64 at most";
    state = "状态", "State";
    active = "正常", "active";
    disabled = "已停用", "shut";
    waiting = "待接受邀请", "invited";
    second_on = "两步验证", "two steps";
    add_person = "添加人员", "Add a person";
    invite = "生成邀请链接", "Make an invitation";
    invitation_for = "邀请链接", "Invitation link";
    invitation_about = "72 小时内有效，只能用一次，只显示这一次。请通过可靠的渠道发给本人。", "Good for 72 hours and once, shown only now. Send it by a way you trust.";
    disable = "停用", "Shut";
    enable = "启用", "Open";
    reset = "重置登录", "Reset log-in";
    reset_sure = "密码和两步验证立即失效，所有会话结束；本人用新的邀请链接重新设置。", "Password and second step end at once, and all sessions; the owner begins anew with an invitation.";
    disable_sure = "立即退出所有会话，令牌停用。", "Ends all sessions at once; tokens do nothing.";
    set_role = "更改角色", "Change role";
    you = "本人", "you";
    more = "操作", "Actions";
    rights = "权限", "Rights";
    role_name = "角色标识（a-z、0-9、-）", "Role name (a-z, 0-9, -)";
    title_zh = "中文名称", "Chinese title";
    title_en = "英文名称", "English title";
    add_role = "添加角色", "Add a role";
    remove_role = "删除角色", "Remove role";
    save = "保存", "Save";
    saved = "已保存，立即生效。", "Saved; it holds at once.";
    needs_second = "必须使用两步验证", "Demands the second step";
    holders = "人数", "People";
    roles_about = "每个角色是一组权限；修改后立即对所有人生效。", "A role is a set of rights; a change holds for everybody at once.";
    second_step = "两步验证", "Second step";
    second_about = "登录时除密码外，再输入验证器应用里的 6 位数字。", "At log-in, a six-digit code of an authenticator app besides the password.";
    second_demanded = "你的角色必须使用两步验证，请先完成设置。", "Your role demands a second step; set it up first.";
    second_scan = "用验证器应用扫描二维码，或手动输入密钥，再输入应用显示的数字。", "Scan this with an authenticator app, or type the key in; then enter the code that it shows.";
    second_picture = "二维码：内容与下面的密钥相同", "QR code with the key below";
    key = "密钥", "Key";
    code = "验证码", "Code";
    code_or_recovery = "6 位验证码，或一个恢复码", "Six-digit code, or a recovery code";
    turn_on = "开启", "Turn on";
    turn_off = "关闭两步验证", "Turn the second step off";
    set_up_second = "设置两步验证", "Set up the second step";
    wrong_code = "验证码不对，或已经用过。", "The code is wrong, or was used already.";
    is_on = "已开启", "on";
    recovery_left = "剩余恢复码", "Recovery codes left";
    recovery_codes = "恢复码", "Recovery codes";
    recovery_about = "每个只能用一次，只显示这一次。请妥善保存：手机丢失时用它登录。", "Each is good once, and they are shown only now. Keep them safe: they let you in when the device is lost.";
    go_on = "继续", "Go on";
    enter_code = "输入验证码", "Enter the code";
    tokens = "接口令牌", "API tokens";
    tokens_about = "供程序调用接口；只能放在 Authorization: Bearer 里。", "For programs that call the API, sent as Authorization: Bearer.";
    token_name = "令牌名称（a-z、0-9、. _ -）", "Token name (a-z, 0-9, . _ -)";
    token_days = "有效天数（1–365）", "Days (1–365)";
    make_token = "生成令牌", "Make a token";
    token_shown = "令牌只显示这一次，请立即保存。", "The token is shown only now; keep it.";
    owner = "所有者", "Owner";
    expires = "到期", "Ends";
    expired = "已到期", "ended";
    never = "从未", "never";
    revoke = "吊销", "Revoke";
    no_tokens = "还没有令牌。", "No tokens yet.";
    choose_password = "设置密码", "Choose a password";
    welcome = "欢迎", "Welcome";
    invitation_over = "邀请已失效，请向管理员要新的链接。", "The invitation is not valid any more; ask for a new one.";
    set_up = "首次设置", "First set-up";
    set_up_about = "给自己取一个用户名并设置密码；初始密码随即失效。", "Choose a user name and a password of your own; the first password ends with that.";
    first_site = "第一个仓（a-z、0-9、-）", "First site (a-z, 0-9, -)";
    site_title = "仓库名称（例如：一号仓）", "What people call it";
    finish = "完成", "Finish";
    name_bad = "用户名只能用 a-z、0-9、. _ -，最多 64 个字符。", "The user name takes a-z, 0-9, . _ - and 64 characters at most.";
    site_bad = "仓名只能用 a-z、0-9、-，最多 32 个字符。", "The site name takes a-z, 0-9, - and 32 characters at most.";
    taken = "这个名称已经有了。", "This name is taken.";
    not_yours = "对方的权限比你多，需要同等权限的人来操作。", "They may do more than you; somebody who may do as much has to do this.";
    yourself = "不能更改自己的账号。", "This is your own account; somebody else has to do this.";
    last_keeper = "至少要有一位能登录的人员管理员。", "Somebody must be left who can log in and manage people.";
    role_in_use = "内置角色或仍有人使用的角色不能删除。", "A role that comes with the program, or that somebody has, cannot be removed.";
    not_acceptable = "输入不符合要求，请检查。", "Something is not acceptable; look again.";
    no_such = "找不到对应的账号、角色或令牌。", "There is no such account, role or token.";
}

/// The words of this language.
pub fn of(language: Language) -> &'static Text {
    match language {
        Language::Zh => &ZH,
        Language::En => &EN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_stands_in_both_languages_and_they_differ() {
        for (name, zh, en) in ALL {
            assert!(!zh.is_empty() && !en.is_empty() && zh != en, "{name}");
        }
    }
}
